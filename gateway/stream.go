package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// stream answers a call that streams: its answers are lines.
func (m *mux) stream(w http.ResponseWriter, r *http.Request, b *binding, params map[string]string) {
	answers := &lines{failures: m.failures, w: w, control: http.NewResponseController(w)}
	if b.method.IsStreamingClient() {
		m.streamMany(r, b, answers)
		return
	}
	if err := m.relayOne(r, b, params, answers); err != nil {
		answers.fail(r.Context(), err)
	}
}

// relayOne carries one request to the service and its answers back, until the
// service ends or the gateway stops.
func (m *mux) relayOne(r *http.Request, b *binding, params map[string]string, answers *lines) error {
	request, _, err := b.read(answers.w, r, params)
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
	err = answers.copy(stream, b, func(proto.Message) {})
	if err != nil && m.stopping.Err() != nil {
		return rpc.Draining()
	}
	return err
}

// streamMany answers a call whose requests are the lines of the body. Its answers
// do not wait for the end of the body, so a client may be sending when the last of
// them is there. It gets a moment to read that: a client that writes on a closed
// connection may never read what it was told before.
func (m *mux) streamMany(r *http.Request, b *binding, answers *lines) {
	if err := answers.control.EnableFullDuplex(); err != nil {
		answers.fail(r.Context(), err)
		return
	}
	answers.w.Header().Set("Connection", "close") // a next request would begin in the rest of this one
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	body := &upload{Reader: r.Body, control: answers.control}
	feed := b.feed(ctx, body)
	if err := m.relayMany(ctx, r, feed, answers); err != nil {
		answers.fail(r.Context(), err)
		_ = answers.control.Flush() // the caller has gone
	}
	cancel()
	body.part()
	// Nobody may read the body any more when this returns.
	for range feed.requests {
	}
	// A connection with unread bytes is reset, and the answer with it: some of the rest is read for that moment.
	_, _ = io.CopyN(io.Discard, r.Body, rpc.MessageLimit)
}

// relayMany carries the lines of a body to the service and its answers back,
// until either side ends. When the gateway stops, what was sent is still answered.
func (m *mux) relayMany(ctx context.Context, r *http.Request, feed *feed, answers *lines) error {
	var v fault.Violations
	feed.readQuery(&v, r, nil)
	if err := v.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := m.open(ctx, r, feed.binding)
	if err != nil {
		return err
	}
	unsent := make(chan error, 1)
	go func() { unsent <- feed.send(ctx, m.stopping, stream) }()
	err = answers.copy(stream, feed.binding, feed.untold.tell)
	cancel()
	if reason := <-unsent; err == nil {
		err = reason
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
