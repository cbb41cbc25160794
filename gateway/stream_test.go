package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

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
