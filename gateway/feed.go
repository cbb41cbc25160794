package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// A feed is a body whose lines are requests. It ends by itself, with the first
// line that is no request, or when nobody wants more of it.
type feed struct {
	*binding
	requests chan line // in order; closed after the last
	failure  error     // why there are no more, once requests is closed
	untold   untold    // of the requests that were sent
}

// An upload is a body of lines, whose client has some time for each.
type upload struct {
	io.Reader

	control *http.ResponseController
	mu      sync.Mutex
	parting bool
}

// await begins to wait for a line.
func (u *upload) await() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.parting {
		_ = u.control.SetReadDeadline(in(linePatience))
	}
}

// part leaves the client a moment to read why nobody listens any more.
func (u *upload) part() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parting = true
	_ = u.control.SetReadDeadline(in(partingTime)) // its failure leaves only a longer wait
}

// A line is one request, and what of it can't be read.
type line struct {
	request proto.Message
	bad     unread
}

// feed begins to read a body until ctx is done.
func (b *binding) feed(ctx context.Context, body *upload) *feed {
	f := &feed{binding: b, requests: make(chan line)}
	go func() {
		defer close(f.requests)
		defer fault.Recovered(&f.failure, "reading a body") // nobody else would
		f.failure = f.readLines(ctx, body)
	}()
	return f
}

// readLines reads each line as one request, and fails at the first that is none.
func (f *feed) readLines(ctx context.Context, body *upload) error {
	scanner := bufio.NewScanner(body)
	scanner.Buffer(nil, rpc.MessageLimit+1) // and the line's end
	number := 0
	next := func() bool {
		body.await()
		return scanner.Scan()
	}
	for next() {
		number++
		text := bytes.TrimSpace(scanner.Bytes())
		if len(text) == 0 {
			continue
		}
		request, err := f.readLine(ctx, text)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // nobody wants more
		case err != nil && scanner.Err() != nil:
			return unended(scanner.Err(), number) // it has been cut off
		case err != nil:
			return onLine(number, err)
		}
		select {
		case f.requests <- request:
		case <-ctx.Done():
			return nil
		}
	}
	return unended(scanner.Err(), number)
}

// unended is why there are no more lines than so many, nil if that was all.
func unended(err error, number int) error {
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return onLine(number+1, tooLarge())
	case err != nil:
		return incomplete()
	}
	return nil
}

// readLine reads one request.
func (f *feed) readLine(ctx context.Context, text []byte) (line, error) {
	leave, err := f.turns.take(ctx, len(text))
	if err != nil {
		return line{}, err
	}
	defer leave()
	var v fault.Violations
	checkDepth(&v, text)
	if err := v.Err(); err != nil {
		return line{}, err
	}
	request := f.request.New()
	bad := decodeBatch(&v, text, request)
	return line{request: request.Interface(), bad: bad}, v.Err()
}

// send sends the requests to a service, and returns why that ended before its
// time: for a line that is none, or since the gateway stops.
func (f *feed) send(ctx, stopping context.Context, stream grpc.ClientStream) (err error) {
	defer fault.Recovered(&err, "sending")    // nobody else would
	defer func() { _ = stream.CloseSend() }() // it never fails
	for {
		select {
		case next, ok := <-f.requests:
			if !ok {
				return f.failure
			}
			f.untold.push(next.bad)
			if stream.SendMsg(next.request) != nil {
				return nil // the service has ended the stream, and says why to the receiver
			}
		case <-stopping.Done():
			return rpc.Draining()
		case <-ctx.Done():
			return nil
		}
	}
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
