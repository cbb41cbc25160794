package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// A client that is sending, and not listening, learns nevertheless how it ended.
func TestStream_ServiceEndsWhileTheClientSends(t *testing.T) {
	refused, _ := rpc.Status(fault.New(fault.Denied, "ROLE_MISSING", "m"))
	for _, test := range []struct {
		name string
		end  error
		want []string
	}{
		{"with an error", refused.Err(), []string{"more", "error PermissionDenied ROLE_MISSING", "end"}},
		{"well", nil, []string{"more", "end"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.payouts.stream = func(stream grpc.ServerStream) error {
					name, err := receive(stream)
					if err != nil {
						return err
					}
					if err := reply(stream, name); err != nil {
						return err
					}
					return test.end
				}
				e := s.open(http.MethodPost, earningStream)
				go io.Copy(e.body, endless{}) //nolint:errcheck // it ends with the request
				e.check(test.want...)
			})
		})
	}
}

// The connection of a stream that was refused is not closed under a client that
// is about to send, before it had the time to read why; nor is it kept.
func TestStream_Parting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		refused, _ := rpc.Status(fault.New(fault.Denied, "ROLE_MISSING", "m"))
		s.payouts.stream = func(grpc.ServerStream) error { return refused.Err() }
		conn, err := s.listener.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n", earningStream); err != nil {
			t.Fatal(err)
		}
		answer := bufio.NewReader(conn)
		if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "403") {
			t.Fatalf("the answer begins with %q, %v, want 403", line, err)
		}
		go io.Copy(io.Discard, answer) //nolint:errcheck // it ends with the connection
		synctest.Wait()
		if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(earning("a")), earning("a")); err != nil {
			t.Errorf("at once after the answer: %v, want that the line is taken", err)
		}
		<-time.After(2 * partingTime)
		if _, err := conn.Write([]byte("0\r\n\r\n")); err == nil {
			t.Errorf("%s after the answer, the connection is still there", 2*partingTime)
		}
	})
}

func TestStream_ServiceEndsWithError(t *testing.T) {
	refused, _ := rpc.Status(fault.New(fault.Denied, "ROLE_MISSING", "m"))
	after := func(answers int) func(stream grpc.ServerStream) error {
		return func(stream grpc.ServerStream) error {
			for range answers {
				name, err := receive(stream)
				if err != nil {
					return err
				}
				if err := reply(stream, name); err != nil {
					return err
				}
			}
			return refused.Err()
		}
	}
	t.Run("at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t)
			s.payouts.stream = after(0)
			// The client has not sent anything yet, and need not.
			if got, want := s.open(http.MethodPost, earningStream).refused(), "403 error PermissionDenied ROLE_MISSING"; got != want {
				t.Errorf("refused with %s, want %s", got, want)
			}
		})
	})
	t.Run("after an answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t)
			s.payouts.stream = after(1)
			e := s.open(http.MethodPost, earningStream)
			e.write(earning("a"))
			e.check("a", "error PermissionDenied ROLE_MISSING", "end")
		})
	})
	t.Run("without a reason", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t)
			s.payouts.stream = func(grpc.ServerStream) error { return fmt.Errorf("secret") }
			if got, want := s.open(http.MethodPost, earningStream).refused(), "500 error Unknown UNKNOWN"; got != want {
				t.Errorf("refused with %s, want %s", got, want)
			}
		})
	})
}

// A client whose body is open learns at once that it is refused, and is not waited for.
func TestStream_RefusedAtOnce(t *testing.T) {
	for _, test := range []struct {
		name, target, want string
		down               bool
	}{
		{name: "by its query", target: earningStream + "?force=1", want: "400 error InvalidArgument FIELD_UNKNOWN"},
		{name: "by its header", target: earningStream, want: "400 error InvalidArgument REQUEST_MALFORMED"},
		{name: "by nobody who is there", target: earningStream, want: "503 error Unavailable UNAVAILABLE", down: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.payouts.stream = echo
				var header []string
				switch {
				case test.down:
					s.payouts.server.Stop()
				case test.target == earningStream:
					header = []string{"Grpc-Timeout", "soon"}
				}
				e := s.open(http.MethodPost, test.target, header...)
				e.write(earning("a"))
				if got := e.refused(); got != test.want {
					t.Errorf("refused with %s, want %s", got, test.want)
				}
				began := time.Now()
				s.stop()
				s.checkStopped(began, time.Second)
			})
		})
	}
}

// Whichever side a stream waits for, a client that goes away ends it.
func TestStream_ClientGoesAway(t *testing.T) {
	for _, test := range []struct {
		name         string
		verb, target string
		serve        func(stream grpc.ServerStream) error // until it is of no use
		client       func(e *exchange)
	}{
		{"with its body open", http.MethodPost, earningStream, echo, func(e *exchange) {
			e.write(earning("a"))
			e.check("a")
		}},
		{"in the middle of a line", http.MethodPost, earningStream, echo, func(e *exchange) {
			e.write(earning("a") + `{"earnings"`)
			e.check("a")
		}},
		{"before any line", http.MethodPost, earningStream, echo, func(*exchange) {}},
		{"when its body has ended", http.MethodPost, earningStream, answerForever, func(e *exchange) {
			e.write(earning("a"))
			e.body.Close()
			e.check("a")
		}},
		{"while it reads nothing", http.MethodPost, earningStream, answerForever, func(e *exchange) {
			e.write(earning("a"))
			go io.Copy(e.body, endless{}) //nolint:errcheck // it ends with the request
		}},
		{"while it watches", http.MethodGet, runWatch, hang, func(*exchange) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				ended := make(chan time.Time, 1)
				s.payouts.stream = func(stream grpc.ServerStream) error {
					defer func() { ended <- time.Now() }()
					return test.serve(stream)
				}
				e := s.open(test.verb, test.target)
				test.client(e)
				synctest.Wait()
				left := time.Now()
				e.leave()
				if got := (<-ended).Sub(left); got > time.Second {
					t.Errorf("the service's stream ended %s after the client, want at once", got)
				}
			})
		})
	}
}

// answerForever takes one request, and answers it again and again.
func answerForever(stream grpc.ServerStream) error {
	name, err := receive(stream)
	for err == nil {
		err = reply(stream, name)
	}
	return err
}

// endless is a body of lines that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, earning("more")), nil }
