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

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// stream answers a call that streams. What grpc-gateway generates for one hides
// why a line could not be read, and does not answer before the body has ended.
func (m *mux) stream(w http.ResponseWriter, r *http.Request, b *binding, params map[string]string) {
	answers := &lines{failures: m.failures, w: w, control: http.NewResponseController(w)}
	if err := m.relay(r, b, params, answers); err != nil {
		answers.fail(r.Context(), err)
	}
}

// relay carries requests to the service and its answers back, until either side
// has ended or the gateway stops.
func (m *mux) relay(r *http.Request, b *binding, params map[string]string, answers *lines) error {
	var v fault.Violations
	query := b.readQuery(&v, r, params)
	if err := v.Err(); err != nil {
		return err
	}
	ctx, err := runtime.AnnotateContext(r.Context(), m.calls, r, b.fullMethod())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	description := &grpc.StreamDesc{ServerStreams: b.method.IsStreamingServer(), ClientStreams: b.method.IsStreamingClient()}
	stream, err := b.conn.NewStream(ctx, description, b.fullMethod())
	if err != nil {
		return err
	}
	if !b.method.IsStreamingClient() {
		return m.relayOne(&one{binding: b, stream: stream, cancel: cancel}, params, query, answers)
	}
	// Else answers would wait until the body has been read.
	if err := answers.control.EnableFullDuplex(); err != nil {
		return err
	}
	return m.relayMany(r, &many{binding: b, stream: stream, failed: make(chan error, 1)}, answers)
}

// A one is a call with one request, which the path and the query hold.
type one struct {
	*binding
	stream grpc.ClientStream
	cancel context.CancelFunc
}

func (m *mux) relayOne(call *one, params map[string]string, query map[string][]string, answers *lines) error {
	request := call.request.New().Interface()
	for name, value := range params {
		if err := runtime.PopulateFieldFromPath(request, name, value); err != nil {
			return err
		}
	}
	if err := runtime.PopulateQueryParameters(request, query, utilities.NewDoubleArray(nil)); err != nil {
		return err
	}
	if err := errors.Join(call.stream.SendMsg(request), call.stream.CloseSend()); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-m.draining:
			call.cancel()
		case <-over:
		}
	}()
	err := answers.copy(call.stream, call.binding)
	if err != nil && m.isDraining() {
		return rpc.Draining()
	}
	return err
}

// A many is a call whose requests are the lines of the body.
type many struct {
	*binding
	stream grpc.ClientStream
	failed chan error // why not all of the body was sent; nil where it was
}

func (m *mux) relayMany(r *http.Request, call *many, answers *lines) error {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		call.failed <- call.send(r.Body)
		_ = call.stream.CloseSend() // never fails
	}()
	// A body that is being read when nothing more is wanted of it has to be let go of.
	over := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-m.draining:
		case <-over:
		case <-sent:
			return
		}
		_ = answers.control.SetReadDeadline(time.Now()) // its failure leaves only the wait for the client
	}()
	err := answers.copy(call.stream, call.binding)
	close(over)
	<-sent
	<-watched
	unsent := <-call.failed
	switch {
	case err != nil:
		return err
	case unsent != nil && m.isDraining():
		return rpc.Draining()
	}
	return unsent
}

// send sends each line of a body as one request, and fails at the first that is none.
func (call *many) send(body io.Reader) error {
	scanner := bufio.NewScanner(body)
	scanner.Buffer(nil, rpc.MessageLimit)
	for number := 1; scanner.Scan(); number++ {
		line := bytes.TrimSpace(scanner.Bytes())
		if len(line) == 0 {
			continue
		}
		request := call.request.New().Interface()
		if err := protojson.Unmarshal(line, request); err != nil {
			return onLine(number, malformedLine(line, call.binding, err))
		}
		if call.stream.SendMsg(request) != nil {
			return nil // the service has ended the stream, and says why to who receives
		}
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return tooLarge()
	case err != nil:
		return fault.New(fault.Invalid, "BODY_INCOMPLETE", "the body ends before its time")
	}
	return nil
}

// malformedLine says what is wrong with a line that protojson refuses for a reason of its own.
func malformedLine(line []byte, b *binding, reason error) error {
	var v fault.Violations
	explain(&v, line, b.content())
	if err := v.Err(); err != nil {
		return err
	}
	return fault.New(fault.Invalid, "REQUEST_MALFORMED", "it can't be read: %s", reason)
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

func (m *mux) isDraining() bool {
	select {
	case <-m.draining:
		return true
	default:
		return false
	}
}

// lines is the answer to a call that streams: one JSON object a line.
type lines struct {
	failures
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

// copy passes on answers until the stream ends.
func (l *lines) copy(stream grpc.ClientStream, b *binding) error {
	for {
		answer := b.answer.New().Interface()
		err := stream.RecvMsg(answer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.line("result", answer); err != nil {
			return err
		}
	}
}

// fail ends the answer with an error: in its status, unless it has begun.
func (l *lines) fail(ctx context.Context, err error) {
	if !l.begun {
		l.write(ctx, l.w, err)
		return
	}
	_ = l.line("error", l.status(ctx, err).Proto()) // the caller has gone
}

// line writes {name: message}, and sends it on its way.
func (l *lines) line(name string, message proto.Message) error {
	line, err := answers().MarshalAppend([]byte(`{"`+name+`":`), message)
	if err != nil {
		return err
	}
	if !l.begun {
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.begun = true
	}
	if _, err := l.w.Write(append(line, '}', '\n')); err != nil {
		return err
	}
	return l.control.Flush()
}
