package rpc_test

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/rpc"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// startClosed starts a server of plans that knows none of its callers.
func startClosed(t *testing.T) *running {
	t.Helper()
	guard, err := auth.Settings{ClientRoles: map[string]string{"ops.example": "AUDITOR"}}.Guard(slog.New(slog.DiscardHandler), auth.OwnPartners)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, service{}, func(s *rpc.Server) {
		s.Guard = guard
		s.Register = func(r grpc.ServiceRegistrar) {
			planv1.RegisterPlanServiceServer(r, planv1.UnimplementedPlanServiceServer{})
		}
	})
}

// A refused call is refused as every other one, and nothing is kept of it, however late its deadline is.
func TestRefusedCallsAreLetGo(t *testing.T) {
	server := startClosed(t)
	ctx, cancel := context.WithTimeout(t.Context(), 1000*time.Hour)
	defer cancel()
	calls := map[string]codes.Code{
		planv1.PlanService_GetPlan_FullMethodName: codes.Unauthenticated,
		"/incentives.plan.v1.PlanService/Nope":    codes.Unimplemented,
	}
	refused := func(times int) {
		for range times {
			for method, want := range calls {
				err := server.conn.Invoke(ctx, method, &planv1.GetPlanRequest{}, &planv1.Plan{})
				if status.Code(err) != want {
					t.Fatalf("%s: %v, want %s", method, err, want)
				}
			}
		}
		runtime.GC()
		runtime.GC() // what the first one has only marked
	}
	const times = 2000
	var before, now runtime.MemStats
	refused(100)
	runtime.ReadMemStats(&before)
	refused(times)
	runtime.ReadMemStats(&now)
	if kept := int64(now.HeapObjects) - int64(before.HeapObjects); kept > times {
		t.Errorf("%d objects are kept of %d refused calls", kept, times*len(calls))
	}
}

// What is refused by a handler does not wait long for its message, and not at all for that of a stream.
func TestRefusedCallsEndSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := startClosed(t)
		ctx, cancel := context.WithTimeout(t.Context(), 1000*time.Hour)
		defer cancel()
		open := func(method string) grpc.ClientStream {
			stream, err := server.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
			if err != nil {
				t.Fatal(err)
			}
			return stream
		}
		err := open("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo").RecvMsg(&bytesValue{})
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("a stream: %v, want UNAUTHENTICATED", err)
		}
		synctest.Wait()
		began := time.Now()
		var streams []grpc.ClientStream
		for range 9 {
			streams = append(streams, open(planv1.PlanService_GetPlan_FullMethodName))
			synctest.Wait()
		}
		endsAfter(t, "one that is too many", func() error { return streams[8].RecvMsg(&bytesValue{}) }, 10*time.Millisecond)
		for _, stream := range streams[:8] {
			_ = stream.RecvMsg(&bytesValue{}) // it ends, as is seen below
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the others ended after %s, want 5 s", took)
		}
	})
}
