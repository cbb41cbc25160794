package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// stream answers a call that streams: its answers are lines.
func (m *mux) stream(w http.ResponseWriter, r *http.Request, b *binding, params map[string]string) {
	answers := &lines{failures: m.failures, w: w, control: http.NewResponseController(w)}
	relay := m.relayOne
	if b.method.IsStreamingClient() {
		relay = m.relayMany
	}
	if err := relay(r, b, params, answers); err != nil {
		answers.fail(r.Context(), err)
	}
}

// relayOne carries one request to the service and its answers back, until the
// service ends or the gateway stops.
func (m *mux) relayOne(r *http.Request, b *binding, params map[string]string, answers *lines) error {
	request, err := b.read(answers.w, r, params)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stream, err := m.open(ctx, r, b)
	if err != nil {
		return err
	}
	if err := errors.Join(stream.SendMsg(request), stream.CloseSend()); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	defer context.AfterFunc(m.stopping, cancel)()
	err = answers.copy(stream, b)
	if err != nil && m.stopping.Err() != nil {
		return rpc.Draining()
	}
	return err
}

// relayMany carries the lines of the body to the service and its answers back,
// until either side ends. When the gateway stops, what was read is still answered.
func (m *mux) relayMany(r *http.Request, b *binding, _ map[string]string, answers *lines) error {
	// Else answers would wait until the body has been read.
	if err := answers.control.EnableFullDuplex(); err != nil {
		return err
	}
	// A body that is being read when nothing more is wanted of it has to be let
	// go of. That spoils the connection for a next request.
	answers.w.Header().Set("Connection", "close")
	letGo := func() { _ = answers.control.SetReadDeadline(time.Unix(1, 0)) } // its failure leaves only the wait for the client
	defer letGo()
	var v fault.Violations
	b.readQuery(&v, r, nil)
	if err := v.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	defer context.AfterFunc(r.Context(), func() {
		if m.stopping.Err() == nil { // else it was the gateway that let go of the body
			cancel()
		}
	})()
	stream, err := m.open(ctx, r, b)
	if err != nil {
		return err
	}
	unsent := make(chan error, 1)
	go func() { unsent <- b.send(stream, r.Body) }()
	stop := context.AfterFunc(m.stopping, letGo)
	err = answers.copy(stream, b)
	stop()
	cancel()
	letGo()
	if unsent := <-unsent; err == nil && unsent != nil {
		err = unsent
		if m.stopping.Err() != nil {
			err = rpc.Draining()
		}
	}
	return err
}

// open begins a stream to the service.
func (m *mux) open(ctx context.Context, r *http.Request, b *binding) (grpc.ClientStream, error) {
	ctx, err := m.outgoing(ctx, r, b)
	if err != nil {
		return nil, err
	}
	description := &grpc.StreamDesc{ServerStreams: b.method.IsStreamingServer(), ClientStreams: b.method.IsStreamingClient()}
	return b.conn.NewStream(ctx, description, b.name)
}

// send sends each line of a body as one request, and fails at the first that is none.
func (b *binding) send(stream grpc.ClientStream, body io.Reader) error {
	defer func() { _ = stream.CloseSend() }() // it never fails
	scanner := bufio.NewScanner(body)
	scanner.Buffer(nil, rpc.MessageLimit+1) // and the line's end
	number := 0
	for scanner.Scan() {
		number++
		line := bytes.TrimSpace(scanner.Bytes())
		if len(line) == 0 {
			continue
		}
		var v fault.Violations
		request := b.request.New()
		decode(&v, line, request)
		if err := v.Err(); err != nil && scanner.Err() != nil {
			break // the line has been cut off
		} else if err != nil {
			return onLine(number, err)
		}
		if stream.SendMsg(request.Interface()) != nil {
			return nil // the service has ended the stream, and says why to who receives
		}
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return onLine(number+1, tooLarge())
	case err != nil:
		return incomplete()
	}
	return nil
}

// onLine says which line of a body an error is about.
func onLine(number int, err error) error {
	refusal, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	refusal.Message = "line " + strconv.Itoa(number) + ": " + refusal.Message
	return refusal.With("line", strconv.Itoa(number))
}
