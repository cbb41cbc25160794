package rpc_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

// checkHealth asks for the health of the server and of its service, once all is quiet.
func (r *running) checkHealth(t *testing.T, when string, want grpc_health_v1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	synctest.Wait()
	for _, name := range []string{"", serviceName} {
		got, err := grpc_health_v1.NewHealthClient(r.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name})
		if err != nil || got.GetStatus() != want {
			t.Errorf("%s: the health of %q is %s, %v, want %s", when, name, got.GetStatus(), err, want)
		}
	}
}

func TestServer_Readiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 500 * time.Millisecond
		var trouble atomic.Pointer[string]
		var hangs atomic.Bool
		hangs.Store(true)
		server := start(t, echoing(), func(s *rpc.Server) {
			s.Ready = func(ctx context.Context) error {
				if hangs.Load() {
					<-ctx.Done()
					return errors.New("it hangs")
				}
				if text := trouble.Load(); text != nil {
					return errors.New(*text)
				}
				return nil
			}
		})
		set := func(text string) {
			hangs.Store(false)
			trouble.Store(&text)
			if text == "" {
				trouble.Store(nil)
			}
			<-time.After(interval)
		}
		server.checkHealth(t, "before the first answer", notServing)
		<-time.After(10 * interval)
		server.checkHealth(t, "after no answer in time", notServing)
		set("plansvc is out")
		server.checkHealth(t, "after an answer with a trouble", notServing)
		set("")
		server.checkHealth(t, "when it can work", serving)
		set("the store is out")
		server.checkHealth(t, "in trouble again", notServing)
		set("")
		server.checkHealth(t, "when it can work again", serving)
		<-time.After(10 * interval)
		server.checkHealth(t, "when nothing has changed", serving)
		if got := server.log.Lines("readiness"); len(got) != 5 {
			t.Errorf("readiness was logged %d times, want 5, once for each change:\n%s", len(got), strings.Join(got, ""))
		}
	})
}

// waiting is a service whose call tells when it has begun, and waits to be told to end.
func waiting() (s service, begun, end chan struct{}) {
	begun, end = make(chan struct{}), make(chan struct{})
	return service{call: func(ctx context.Context, _ *bytesValue) (*bytesValue, error) {
		close(begun)
		select {
		case <-end:
			return &bytesValue{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}, begun, end
}

func TestServer_FinishesWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, begun, end := waiting()
		server := start(t, service)
		answer := make(chan error, 1)
		go func() { answer <- server.call(t.Context(), nil) }()
		<-begun
		health, err := grpc_health_v1.NewHealthClient(server.conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: serviceName})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := health.Recv(); err != nil || got.GetStatus() != serving {
			t.Fatalf("its health is %s, %v, want SERVING", got.GetStatus(), err)
		}

		stopped := time.Now()
		server.stop()
		<-server.drain // streams are told at once
		synctest.Wait()
		if got, err := health.Recv(); err != nil || got.GetStatus() != notServing {
			t.Errorf("its health while it stops is %s, %v, want NOT_SERVING", got.GetStatus(), err)
		}
		if err := server.call(t.Context(), nil); status.Code(err) != codes.Unavailable {
			t.Errorf("a new call while it stops: %v, want UNAVAILABLE", err)
		}
		<-time.After(5 * time.Second)
		select {
		case err := <-server.served:
			t.Fatalf("Serve has returned %v while a call was in flight", err)
		default:
		}
		finished := time.Now()
		close(end)
		if err := <-server.served; err != nil {
			t.Errorf("Serve: %v, want nil", err)
		}
		if err := <-answer; err != nil {
			t.Errorf("the call that was in flight: %v, want its answer", err)
		}
		if took := time.Since(finished); took != 0 {
			t.Errorf("Serve returned %s after the last call, want at once (%s after it was told to)", took, time.Since(stopped))
		}
		if lines := server.log.Lines("cut off"); lines != nil {
			t.Errorf("logged %q, want nothing to be cut off", lines)
		}
	})
}

func TestServer_CutsOffAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, begun, _ := waiting()
		server := start(t, service, func(s *rpc.Server) { s.Deadline = 7 * time.Second })
		answer := make(chan error, 1)
		go func() { answer <- server.call(t.Context(), nil) }()
		<-begun
		stopped := time.Now()
		server.stop()
		if err := <-server.served; err != nil {
			t.Errorf("Serve: %v, want nil", err)
		}
		if took := time.Since(stopped); took != 7*time.Second {
			t.Errorf("Serve returned after %s, want the deadline, 7s", took)
		}
		if err := <-answer; status.Code(err) != codes.Unavailable {
			t.Errorf("the call that was cut off: %v, want UNAVAILABLE", err)
		}
		if lines := server.log.Lines("cut off"); len(lines) != 1 {
			t.Errorf("logged %q, want one line that says so", lines)
		}
	})
}

// Whoever stops a server is told what it can't stop, and need not kill it.
func TestServer_GivesUpHandlersThatDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		defer close(end)
		begun := make(chan struct{}, 2)
		stuck := service{
			call: func(context.Context, *bytesValue) (*bytesValue, error) {
				begun <- struct{}{}
				<-end
				return &bytesValue{}, nil
			},
			stream: func(stream grpc.ServerStream) error {
				begun <- struct{}{}
				<-stream.Context().Done()
				return stream.Context().Err()
			},
		}
		server := start(t, stuck, func(s *rpc.Server) { s.Deadline = 7 * time.Second })
		go func() { _ = server.call(t.Context(), nil) }() // it ends as those of the test above
		server.open(t)
		<-begun
		<-begun
		stopped := time.Now()
		server.stop()
		err := <-server.served
		if !errors.Is(err, rpc.ErrAtWork) || !strings.HasPrefix(err.Error(), "test: ") || !strings.HasSuffix(err.Error(), ": "+callMethod) {
			t.Errorf("Serve: %v, want ErrAtWork, and the method whose handler goes on, alone", err)
		}
		if took := time.Since(stopped); took != 14*time.Second {
			t.Errorf("Serve returned after %s, want the deadline, 7s, and as long again", took)
		}
		if lines := server.log.Lines("did not end"); len(lines) != 1 || !strings.Contains(lines[0], callMethod) {
			t.Errorf("logged %q, want one line that names the method", lines)
		}
	})
}

// Nobody has to wait for a client that only watches.
func TestServer_StopsInSpiteOfWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, echoing(), func(s *rpc.Server) { s.Ready = func(context.Context) error { return errors.New("never") } })
		health, err := grpc_health_v1.NewHealthClient(server.conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stopped := time.Now()
		server.stop()
		if err := <-server.served; err != nil {
			t.Errorf("Serve: %v, want nil", err)
		}
		if took := time.Since(stopped); took != 0 {
			t.Errorf("Serve returned after %s, want at once", took)
		}
		for err == nil {
			_, err = health.Recv()
		}
		if got := fault.ReasonOf(rpc.FromStatus(err)); got != "SERVER_STOPPING" {
			t.Errorf("watching ended with %v, want SERVER_STOPPING", err)
		}
	})
}

// A failing listener breaks down when it is told to.
type failingListener struct {
	net.Listener
	broken chan struct{}
}

var errBroken = errors.New("too many open files")

func (l failingListener) Accept() (net.Conn, error) {
	type accepted struct {
		conn net.Conn
		err  error
	}
	next := make(chan accepted, 1)
	go func() {
		conn, err := l.Listener.Accept()
		next <- accepted{conn, err}
	}()
	select {
	case a := <-next:
		return a.conn, a.err
	case <-l.broken:
		return nil, errBroken
	}
}

func TestServer_ListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, begun, end := waiting()
		broken := make(chan struct{})
		server := start(t, service, func(s *rpc.Server) { s.Listener = failingListener{s.Listener, broken} })
		answer := make(chan error, 1)
		go func() { answer <- server.call(t.Context(), nil) }()
		<-begun
		close(broken)
		<-server.drain
		close(end)
		if err := <-server.served; !errors.Is(err, errBroken) || !strings.HasPrefix(err.Error(), "test on ") {
			t.Errorf("Serve: %v, want the listener's error, and whose it is", err)
		}
		if err := <-answer; err != nil {
			t.Errorf("the call that was in flight: %v, want its answer", err)
		}
	})
}

func TestListen(t *testing.T) {
	taken, err := rpc.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	for _, test := range []struct{ name, address, want string }{
		{"in use", address, "can't listen on " + address + ": bind: address already in use"},
		{"no port", "127.0.0.1", "can't listen on 127.0.0.1: address 127.0.0.1: missing port in address"},
		{"no such port", "127.0.0.1:70000", "can't listen on 127.0.0.1:70000: address 70000: invalid port"},
		{"not of this machine", "192.0.2.1:0", "can't listen on 192.0.2.1:0: bind: cannot assign requested address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			listener, err := rpc.Listen(t.Context(), test.address)
			if err == nil {
				listener.Close()
				t.Fatalf("%s can be listened on, want an error", test.address)
			}
			if err.Error() != test.want {
				t.Errorf("error %q, want %q", err, test.want)
			}
		})
	}
}

func TestServer_AnnouncesItsServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, echoing())
		stream, err := server.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
			"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
		if err != nil {
			t.Fatal(err)
		}
		names := listServices(t, stream)
		for _, want := range []string{serviceName, "grpc.health.v1.Health"} {
			if !strings.Contains(names, want) {
				t.Errorf("reflection lists %s, want %s among them", names, want)
			}
		}
	})
}

// A connection has room for as many calls as a gateway has connections.
func TestCallsOfAGateway(t *testing.T) {
	var begun sync.WaitGroup
	end := make(chan struct{})
	defer close(end)
	begun.Add(rpc.Usual.All)
	server := start(t, service{stream: func(grpc.ServerStream) error {
		begun.Done()
		<-end
		return nil
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range rpc.Usual.All {
		if _, err := server.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod); err != nil {
			t.Fatalf("after %d calls: %v", i, err)
		}
	}
	begun.Wait()
}
