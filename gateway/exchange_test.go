package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

const (
	earningStream = "/v1/earnings:stream"
	runWatch      = "/v1/programs/azure/payoutRuns/2026-05-15:watch"
)

// earning is a line of a body that holds one earning; its answer names it.
func earning(name string) string { return `{"earnings": [{"name": "` + name + `"}]}` + "\n" }

// echo answers each request of a stream with the name of its first earning.
func echo(stream grpc.ServerStream) error {
	for {
		name, err := receive(stream)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := reply(stream, name); err != nil {
			return err
		}
	}
}

func receive(stream grpc.ServerStream) (name string, err error) {
	var request payoutv1.StreamEarningsRequest
	if err := stream.RecvMsg(&request); err != nil {
		return "", err
	}
	return request.GetEarnings()[0].GetName(), nil
}

func reply(stream grpc.ServerStream, name string) error {
	return stream.SendMsg(&payoutv1.StreamEarningsResponse{Outcomes: []*payoutv1.EarningOutcome{{EarnedMonth: name}}})
}

// An exchange is a stream as a client sees it: a body that it still writes, and
// answers that it reads meanwhile.
type exchange struct {
	*testing.T
	body     *io.PipeWriter
	leave    context.CancelFunc
	answered chan *http.Response // nil where the request failed
	response *http.Response
	lines    *bufio.Reader
}

func (s *system) open(verb, target string, header ...string) *exchange {
	s.Helper()
	ctx, leave := context.WithCancel(s.Context())
	source, body := io.Pipe()
	s.Cleanup(func() {
		leave()
		body.Close()
	})
	e := &exchange{T: s.T, body: body, leave: leave, answered: make(chan *http.Response, 1)}
	request := s.request(verb, target, source, header...).WithContext(ctx)
	if verb == http.MethodGet {
		request.Body = http.NoBody
	}
	go func() {
		response, err := s.client.Do(request) //nolint:bodyclose // by awaitAnswer
		if err != nil {
			source.CloseWithError(err)
		}
		e.answered <- response
	}()
	return e
}

// write writes a part of the body; it returns when the part is on its way.
func (e *exchange) write(text string) {
	e.Helper()
	if _, err := io.WriteString(e.body, text); err != nil {
		e.Errorf("the body was not taken: %v", err)
	}
}

// awaitAnswer waits for the beginning of the answer.
func (e *exchange) awaitAnswer() {
	e.Helper()
	if e.response != nil {
		return
	}
	if e.response = <-e.answered; e.response == nil {
		e.Fatal("there is no answer")
	}
	e.Cleanup(func() { e.response.Body.Close() })
	e.lines = bufio.NewReader(e.response.Body)
}

// next is the next line of the answer, in short; "end" after the last.
func (e *exchange) next() string {
	e.Helper()
	e.awaitAnswer()
	if e.response.StatusCode != http.StatusOK {
		e.Fatalf("HTTP status %d, want 200: %s", e.response.StatusCode, e.rest())
	}
	line, err := e.lines.ReadString('\n')
	if errors.Is(err, io.EOF) && line == "" {
		return "end"
	}
	if err != nil {
		return fmt.Sprintf("%q, then %v", line, err)
	}
	return e.short(line)
}

// short is a line of an answer in a few words: "one" is the result that names
// earning one, "error CODE REASON line 3" an error.
func (e *exchange) short(line string) string {
	e.Helper()
	var got struct {
		Result *struct {
			Outcomes []struct{ EarnedMonth string }
			Name     string
		}
		Error json.RawMessage
	}
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		e.Fatalf("%v: not a line of JSON: %.300q", err, line)
	}
	switch {
	case got.Result != nil && len(got.Result.Outcomes) > 0:
		return got.Result.Outcomes[0].EarnedMonth
	case got.Result != nil:
		return got.Result.Name
	}
	return e.failure(string(got.Error))
}

// failure is an error in a few words.
func (e *exchange) failure(body string) string {
	e.Helper()
	s := statusOf(e.T, body)
	text := fmt.Sprintf("error %s %s", s.Code(), refusalOf(e.T, s).Reason)
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetMetadata()["line"] != "" {
			text += " line " + info.GetMetadata()["line"]
		}
	}
	return text
}

// refused is the HTTP status and the error that a stream was refused with before it began.
func (e *exchange) refused() string {
	e.Helper()
	e.awaitAnswer()
	if got := e.response.Header.Get("Content-Type"); got != "application/json" {
		e.Errorf("the error has the type %q, want JSON", got)
	}
	return fmt.Sprintf("%d %s", e.response.StatusCode, e.failure(e.rest()))
}

func (e *exchange) rest() string {
	e.Helper()
	data, err := io.ReadAll(e.lines)
	if err != nil {
		e.Errorf("the answer breaks off: %v", err)
	}
	return string(data)
}

// check checks the next lines of the answer.
func (e *exchange) check(want ...string) {
	e.Helper()
	var got []string
	for range want {
		got = append(got, e.next())
	}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		e.Errorf("the next lines are %q, want %q", got, want)
	}
}
