package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const serverStopping = "error Unavailable SERVER_STOPPING"

// checkStopped waits for the end of the gateway, and checks that it came in time and with nil.
func (s *system) checkStopped(began time.Time, within time.Duration) {
	s.Helper()
	if err := <-s.served; err != nil {
		s.Errorf("the gateway ended with %v, want nil", err)
	}
	s.served <- nil // for those that wait for its end
	if took := time.Since(began); took > within {
		s.Errorf("it took the gateway %s to stop, want at most %s", took, within)
	}
}

// What was read before the gateway stops is still answered, then the client is
// told to send the rest again.
func TestDrain_Stream(t *testing.T) {
	for _, test := range []struct{ name, unfinished string }{
		{"between two lines", ""},
		{"in the middle of a line", `{"earnings": [`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				goOn := make(chan struct{})
				s.payouts.stream = func(stream grpc.ServerStream) error {
					name, err := receive(stream)
					for ; err == nil; name, err = receive(stream) {
						<-goOn
						if err := reply(stream, name); err != nil {
							return err
						}
					}
					return nil
				}
				e := s.open(http.MethodPost, earningStream)
				e.write(earning("a"))
				goOn <- struct{}{}
				e.check("a")
				e.write(earning("b") + earning("c") + test.unfinished)
				synctest.Wait() // until all of it has been read
				began := time.Now()
				s.stop()
				synctest.Wait() // until the gateway knows
				go func() {
					goOn <- struct{}{}
					<-time.After(time.Second) // by the bubble's clock: the service is not fast
					goOn <- struct{}{}
				}()
				e.check("b", "c", serverStopping, "end")
				s.checkStopped(began, 2*time.Second)
			})
		})
	}
}

// A stream whose body has ended is no stream to break off.
func TestDrain_StreamAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		goOn := make(chan struct{})
		s.payouts.stream = func(stream grpc.ServerStream) error {
			<-goOn
			return echo(stream)
		}
		e := s.open(http.MethodPost, earningStream)
		e.write(earning("a") + earning("b"))
		e.body.Close()
		synctest.Wait()
		began := time.Now()
		s.stop()
		synctest.Wait()
		close(goOn)
		e.check("a", "b", "end")
		s.checkStopped(began, time.Second)
	})
}

func TestDrain_BeforeTheFirstAnswer(t *testing.T) {
	for _, test := range []struct {
		verb, target string
		serve        func(stream grpc.ServerStream) error
	}{{http.MethodPost, earningStream, echo}, {http.MethodGet, runWatch, hang}} {
		t.Run(test.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.payouts.stream = test.serve
				e := s.open(test.verb, test.target)
				synctest.Wait()
				began := time.Now()
				s.stop()
				if got, want := e.refused(), "503 "+serverStopping; got != want {
					t.Errorf("refused with %s, want %s", got, want)
				}
				s.checkStopped(began, time.Second)
			})
		})
	}
}

func TestDrain_Watch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.payouts.stream = func(stream grpc.ServerStream) error {
			if err := reply(stream, "a"); err != nil {
				return err
			}
			return hang(stream)
		}
		e := s.open(http.MethodGet, runWatch)
		if got := e.next(); !strings.Contains(got, "a") {
			t.Errorf("the first line is %q", got)
		}
		began := time.Now()
		s.stop()
		e.check(serverStopping, "end")
		s.checkStopped(began, time.Second)
	})
}

// A call that is one message each way is answered as if nothing were.
func TestDrain_Call(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		called, goOn := make(chan struct{}), make(chan struct{})
		s.plans.answer = func(*received) (proto.Message, error) {
			close(called)
			<-goOn
			return &planv1.Plan{}, nil
		}
		answers := make(chan answer)
		go func() { answers <- s.send(http.MethodGet, onePlan, "") }()
		<-called
		began := time.Now()
		s.stop()
		synctest.Wait()
		if connection, err := s.listener.dial(t.Context()); err == nil {
			connection.Close()
			t.Error("a gateway that stops takes another connection")
		}
		close(goOn)
		if got := <-answers; got.status != http.StatusOK {
			t.Errorf("HTTP status %d, want 200: %s", got.status, got.body)
		}
		s.checkStopped(began, time.Second)
	})
}

// What does not end by itself is cut off at the deadline.
func TestDrain_Deadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.payouts.stream = func(stream grpc.ServerStream) error {
			if err := reply(stream, "a"); err != nil {
				return err
			}
			return hang(stream)
		}
		e := s.open(http.MethodPost, earningStream)
		e.write(earning("a"))
		e.check("a")
		began := time.Now()
		s.stop()
		s.checkStopped(began, shutdownTime)
		if took := time.Since(began); took < shutdownTime {
			t.Errorf("it was cut off after %s, want %s", took, shutdownTime)
		}
		if !strings.Contains(s.log.String(), "calls were cut off") {
			t.Errorf("the log says %q, want that calls were cut off", s.log)
		}
		if got := e.next(); got == "end" || strings.Contains(got, "error") {
			t.Errorf("the client reads %q, want an answer that breaks off", got)
		}
	})
}

// A client that has gone is not waited for, even where the service and it wait for each other.
func TestDrain_ClientGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.payouts.stream = answerForever
		e := s.open(http.MethodPost, earningStream)
		e.write(earning("a"))
		go io.Copy(e.body, endless{}) //nolint:errcheck // it ends with the request
		synctest.Wait()
		began := time.Now()
		s.stop()
		synctest.Wait()
		e.leave()
		s.checkStopped(began, time.Second)
	})
}

// hang is a stream that neither reads nor answers.
func hang(stream grpc.ServerStream) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}
