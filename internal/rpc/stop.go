package rpc

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// ErrAtWork is in the error of a service that ends while some of its work does not. What that works on, such as a store, must not be closed
// then: closing may wait for it, too, and what was acknowledged is durable without.
var ErrAtWork = errors.New("still at work")

// CloseAfter closes the store of a service, and returns what the service has ended with, and that the store can't be closed.
func CloseAfter(served error, service string, store io.Closer) error {
	if errors.Is(served, ErrAtWork) {
		return served // the process ends, and the store is as after a crash
	}
	if err := store.Close(); err != nil {
		return Both(served, fmt.Errorf("%s: close the store: %w", service, err))
	}
	return served
}

// Both is one error of two, either of which may be nil, in one line.
func Both(first, second error) error {
	if first == nil || second == nil {
		return cmp.Or(first, second)
	}
	return fmt.Errorf("%w; %w", first, second)
}

// leastOvertime is for what was cut off to notice, however short the deadline is.
const leastOvertime = time.Second

// Overtime waits for what was told to end at once, as long again as for its ending in peace: nobody who stops a service should have to
// kill it. It tells whether it has ended.
func Overtime(deadline time.Duration, ended <-chan struct{}) bool {
	return within(max(deadline, leastOvertime), ended)
}

// within tells whether something has ended before a time is over.
func within(d time.Duration, ended <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}

// stop waits for what is in flight, up to the deadline, then cuts it off. Where handlers go on all the same, it returns ErrAtWork.
func (s *Server) stop(server *grpc.Server, connections *bounded) error {
	done := make(chan struct{})
	go func() {
		server.GracefulStop()
		close(done)
	}()
	if within(s.Deadline, done) {
		return nil
	}
	s.Log.Warn("calls were cut off", "service", s.Name, "deadline", s.Deadline)
	go server.Stop()     // in its own goroutine, since it waits for handlers, too; GracefulStop returns when they are over
	connections.cutAll() // gRPC closes those that it has not understood yet only when it has lost patience
	if Overtime(s.Deadline, done) {
		return nil
	}
	methods := strings.Join(s.atWork(), ", ")
	s.Log.Error("handlers did not end when their calls were cut off", "service", s.Name, "methods", methods)
	return fmt.Errorf("%s: calls that were cut off are %w: %s", s.Name, ErrAtWork, methods)
}

// atWork are the methods that handlers are at work on.
func (s *Server) atWork() (methods []string) {
	for method, handlers := range s.methods {
		if handlers.Load() > 0 {
			methods = append(methods, method)
		}
	}
	slices.Sort(methods)
	return methods
}

// handlers are how many handlers are at work on a method.
func (s *Server) handlers(method string) *atomic.Int64 {
	if at, ok := s.methods[method]; ok {
		return at
	}
	return &atomic.Int64{} // of no method that the server has, so that there is no handler, either
}
