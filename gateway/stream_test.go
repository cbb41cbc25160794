package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// Every test of streams runs in a bubble, so a goroutine that is left behind fails it.

func TestStream_AnswersWhileTheBodyIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.payouts.stream = echo
		e := s.open(http.MethodPost, earningStream)
		for i := range 5 {
			name := fmt.Sprintf("earning-%d", i)
			e.write(earning(name))
			e.check(name)
		}
		e.body.Close()
		e.check("end")
		if got := e.response.Header.Get("Content-Type"); got != "application/x-ndjson" {
			t.Errorf("the answer has the type %q, want application/x-ndjson", got)
		}
	})
}

func TestStream_LinesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.payouts.stream = echo
		e := s.open(http.MethodPost, earningStream)
		// Blank lines, either end of a line, a line in pieces, a last line without its end.
		for _, part := range []string{"\n\n", earning("a"), " \t\r\n", strings.TrimSpace(earning("b")) + "\r\n", earning("c")[:9], earning("c")[9:], strings.TrimSpace(earning("d"))} {
			e.write(part)
		}
		e.body.Close()
		e.check("a", "b", "c", "d", "end")
	})
}

func TestStream_EmptyBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.payouts.stream = echo
		if got := s.send(http.MethodPost, earningStream, "\n \n"); got.status != http.StatusOK || got.body != "" {
			t.Errorf("HTTP status %d and %q, want 200 and no line", got.status, got.body)
		}
	})
}

func TestStream_MalformedLine(t *testing.T) {
	const before = "\n" + `{"earnings": [{"name": "a"}]}` + "\n" + `{"earnings": [{"name": "b"}]}` + "\n\n"
	for _, test := range []struct{ name, line, want string }{
		{"not JSON", "{oops}\n", "InvalidArgument JSON_MALFORMED"},
		{"two objects", "{} {}\n", "InvalidArgument JSON_MALFORMED"},
		{"unknown field", `{"earning": []}` + "\n", "InvalidArgument FIELD_UNKNOWN"},
		{"unknown field in a list", `{"earnings": [{"x": 1}]}` + "\n", "InvalidArgument FIELD_UNKNOWN"},
		{"several faults", `{"earnings": [{"x": 1, "name": 7}]}` + "\n", "InvalidArgument INVALID_FIELDS"},
		{"field twice", `{"earnings": [], "earnings": []}` + "\n", "InvalidArgument FIELD_REPEATED"},
		{"wrong type", `{"earnings": 7}` + "\n", "InvalidArgument FIELD_MALFORMED"},
		{"100,000 lists deep", `{"earnings":` + strings.Repeat("[", 100_000) + "\n", "InvalidArgument JSON_TOO_DEEP"},
		{"too long", `{"earnings": "` + strings.Repeat("x", rpc.MessageLimit) + "\"}\n", "ResourceExhausted MESSAGE_TOO_LARGE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.payouts.stream = echo
				e := s.open(http.MethodPost, earningStream)
				e.write(before)
				e.check("a", "b")
				go io.WriteString(e.body, test.line+earning("c")) //nolint:errcheck // the gateway may hang up on the rest
				e.check("error "+test.want+" line 5", "end")
			})
		})
		t.Run(test.name+", first of all", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.payouts.stream = echo
				e := s.open(http.MethodPost, earningStream)
				go io.WriteString(e.body, "\n"+test.line) //nolint:errcheck // as above
				want := "400 error " + test.want + " line 2"
				if strings.Contains(test.want, "MESSAGE_TOO_LARGE") {
					want = "413 error " + test.want + " line 2"
				}
				if got := e.refused(); got != want {
					t.Errorf("refused with %s, want %s", got, want)
				}
			})
		})
	}
}

func TestStream_LongestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.payouts.stream = echo
		const around = `{"earnings": [{"name": "a", "description": ""}]}`
		line := strings.Replace(around, `""`, `"`+strings.Repeat("x", rpc.MessageLimit-len(around))+`"`, 1)
		e := s.open(http.MethodPost, earningStream)
		e.write(line + "\n" + earning("b"))
		e.body.Close()
		e.check("a", "b", "end")
	})
}

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

func TestStream_IncompleteBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.payouts.stream = echo
		conn, err := s.listener.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// A chunk with a line and the half of one, then a chunk without a length.
		chunk := earning("a") + `{"earnings": [`
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nxyz\r\n", earningStream, len(chunk), chunk)
		if err != nil {
			t.Fatal(err)
		}
		e := &exchange{T: t}
		var got []string
		for line := range strings.Lines(readAnswer(t, conn).body) {
			got = append(got, e.short(line))
		}
		if want := []string{"a", "error InvalidArgument BODY_INCOMPLETE"}; strings.Join(got, ";") != strings.Join(want, ";") {
			t.Errorf("the lines are %q, want %q", got, want)
		}
	})
}

func TestStream_AuthorizationReachesTheService(t *testing.T) {
	for verb, target := range map[string]string{http.MethodPost: earningStream, http.MethodGet: runWatch} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				var got atomic.Value
				s.payouts.stream = func(stream grpc.ServerStream) error {
					md, _ := metadata.FromIncomingContext(stream.Context())
					got.Store(strings.Join(md.Get("authorization"), "; "))
					return stream.SendHeader(metadata.Pairs("x-internal", "header"))
				}
				answer := s.send(verb, target, "", "Authorization", "Bearer it")
				if got.Load() != "Bearer it" {
					t.Errorf("the service got the authorization %q, want %q", got.Load(), "Bearer it")
				}
				if leaked := answer.header.Get("X-Internal") + answer.header.Get("Grpc-Metadata-X-Internal"); leaked != "" {
					t.Errorf("the service's header %q leaks", leaked)
				}
			})
		})
	}
}

// The connection of a stream is not used again, since it may have been let go of
// in the middle; the next request does not notice.
func TestStream_NextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.payouts.stream = echo
		for range 3 {
			if got := s.send(http.MethodPost, earningStream, earning("a")); got.status != http.StatusOK || !got.close {
				t.Errorf("HTTP status %d, closes its connection: %t, want 200 and that it does: %s", got.status, got.close, got.body)
			}
			if got := s.send(http.MethodGet, onePlan, ""); got.status != http.StatusOK {
				t.Errorf("the next request: HTTP status %d, want 200: %s", got.status, got.body)
			}
		}
	})
}

// A client that sends faster than the service takes has to wait: what the gateway
// holds for it is bounded.
func TestStream_SlowService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		goOn := make(chan struct{})
		s.payouts.stream = func(stream grpc.ServerStream) error {
			<-goOn
			return echo(stream)
		}
		const count, size = 200, 256 << 10
		e := s.open(http.MethodPost, earningStream)
		var taken atomic.Int64
		go func() {
			defer e.body.Close()
			for i := range count {
				fmt.Fprintf(e.body, `{"earnings": [{"name": "%d", "description": "%s"}]}`+"\n", i, strings.Repeat("x", size))
				taken.Add(1)
			}
		}()
		synctest.Wait() // until nothing moves any more
		if got := taken.Load(); got*size > 4<<20 {
			t.Errorf("%d lines of 256 KiB were taken that the service does not take, want at most 16", got)
		}
		close(goOn)
		for i := range count {
			e.check(fmt.Sprint(i))
		}
		e.check("end")
	})
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
