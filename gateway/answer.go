package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// answers is how messages are written: see the package's comment on defaults.
func answers() protojson.MarshalOptions { return protojson.MarshalOptions{EmitDefaultValues: true} }

// lines is the answer to a call that streams: one JSON object a line.
type lines struct {
	failures
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

// copy passes on answers until the stream ends, each when complete has seen it.
func (l *lines) copy(stream grpc.ClientStream, b *binding, complete func(proto.Message)) error {
	for {
		answer := b.answer.New().Interface()
		err := stream.RecvMsg(answer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		complete(answer)
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
	_ = l.control.SetWriteDeadline(in(answerPatience))
	if _, err := l.w.Write(append(line, '}', '\n')); err != nil {
		return err
	}
	return l.control.Flush()
}
