package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// BenchmarkRecordEarning makes one call after the other to a payoutsvc that does nothing, by the gateway and, beside it, directly:
// what JSON over HTTP costs. All of it is over loopback.
func BenchmarkRecordEarning(b *testing.B) {
	payoutsvc := serveIdle(b)
	b.Run("JSON", func(b *testing.B) {
		send := throughGateway(b, payoutsvc)
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			send(fmt.Sprint("e-", n))
		}
	})
	b.Run("gRPC", func(b *testing.B) {
		conn, err := rpc.Dial(payoutsvc)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		client := payoutv1.NewPayoutServiceClient(conn)
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			id := fmt.Sprint("e-", n)
			earning, err := client.RecordEarning(b.Context(), &payoutv1.RecordEarningRequest{Parent: benchedPlan, EarningId: id, Earning: &payoutv1.Earning{
				Amount: dollars(12, 340_000_000), EarnTime: &timestamppb.Timestamp{Seconds: 1_776_000_000}, Description: "some-description-of-an-earning",
			}})
			if err != nil || earning.GetName() != benchedPlan+"/earnings/"+id {
				b.Fatalf("%s was recorded as %q, %v", id, earning.GetName(), err)
			}
		}
	})
}

const benchedPlan = "partners/p0000001/plans/azure.coop.fy26"

// idle has a call that does nothing.
type idle struct {
	payoutv1.UnimplementedPayoutServiceServer
}

func (idle) RecordEarning(_ context.Context, request *payoutv1.RecordEarningRequest) (*payoutv1.Earning, error) {
	earning := request.GetEarning()
	earning.Name = request.GetParent() + "/earnings/" + request.GetEarningId()
	return earning, nil
}

// serveIdle serves until the benchmark is over.
func serveIdle(b *testing.B) (address string) {
	b.Helper()
	listener, err := rpc.Listen(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	payoutv1.RegisterPayoutServiceServer(server, idle{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	b.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			b.Errorf("the service: %v", err)
		}
	})
	return listener.Addr().String()
}

// throughGateway records an earning by a gateway that runs until the benchmark is over.
func throughGateway(b *testing.B, payoutsvc string) (send func(id string)) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	listening := make(chan net.Addr, 1)
	c := config("127.0.0.1:0")
	c.Payoutsvc = payoutsvc
	c.OnListen = func(address net.Addr) { listening <- address }
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, c) }()
	var target string
	select {
	case address := <-listening:
		target = "http://" + address.String() + "/v1/" + benchedPlan + "/earnings?earningId="
	case err := <-ended:
		b.Fatalf("Run ended with %v before it listened", err)
	}
	transport := &http.Transport{}
	b.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			b.Errorf("Run: %v", err)
		}
	})
	client := &http.Client{Transport: transport}
	const body = `{"amount": {"currencyCode": "USD", "units": "12", "nanos": 340000000}, "earnTime": "2026-04-12T13:20:00Z",
		"description": "some-description-of-an-earning"}`
	return func(id string) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, target+id, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(answer), `/earnings/`+id+`"`) {
			b.Fatalf("%s was answered with %s %s (%v)", id, response.Status, answer, err)
		}
	}
}
