package upload_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/cli/upload"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// A service answers each batch by itself; the test says how.
type service struct {
	payoutv1.UnimplementedPayoutServiceServer
	mu      sync.Mutex
	stored  map[string]int // how often each name was stored
	streams int
	// outcome is the answer to an earning; cut says with what to end the stream
	// instead of answering a batch, after it was stored. Streams and batches count from 1.
	outcome func(stream int, earning *payoutv1.Earning) error
	cut     func(stream, batch int) error
}

func (s *service) StreamEarnings(stream payoutv1.PayoutService_StreamEarningsServer) error {
	s.mu.Lock()
	s.streams++
	number := s.streams
	s.mu.Unlock()
	for batch := 1; ; batch++ {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response := s.record(number, request)
		if err := s.cut(number, batch); err != nil {
			refusal, _ := rpc.Status(err)
			return refusal.Err()
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func (s *service) record(stream int, request *payoutv1.StreamEarningsRequest) *payoutv1.StreamEarningsResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	response := &payoutv1.StreamEarningsResponse{}
	for _, earning := range request.GetEarnings() {
		outcome := &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_RECORDED}
		if err := s.outcome(stream, earning); err != nil {
			refusal, _ := rpc.Status(err)
			outcome = &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_REJECTED, Status: refusal.Proto()}
		} else {
			s.stored[earning.GetName()]++
		}
		response.Outcomes = append(response.Outcomes, outcome)
	}
	return response
}

// newService accepts everything.
func newService() *service {
	return &service{
		stored:  map[string]int{},
		outcome: func(int, *payoutv1.Earning) error { return nil },
		cut:     func(int, int) error { return nil },
	}
}

func (s *service) dial(t *testing.T) payoutv1.PayoutServiceClient {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	payoutv1.RegisterPayoutServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := rpc.Dial(listener.Addr().String(), grpc.WithDisableRetry()) // whose retries wait
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return payoutv1.NewPayoutServiceClient(conn)
}

// A sender uploads count items, of which each tenth has no earning, and counts what comes back.
type sender struct {
	upload.Upload[int]
	waits    []time.Duration
	returned []int // how often each item came back
	rejected int
	order    []int
}

func newSender(client payoutv1.PayoutServiceClient, count int) *sender {
	s := &sender{returned: make([]int, count)}
	next := 0
	s.Upload = upload.Upload[int]{
		Client: client,
		Next: func() (upload.Item[int], error) {
			if next == count {
				return upload.Item[int]{}, io.EOF
			}
			item := upload.Item[int]{Of: next}
			if next%10 != 0 {
				item.Earning = &payoutv1.Earning{Name: fmt.Sprint("e", next)}
			}
			next++
			return item, nil
		},
		Done: func(item upload.Item[int], outcome *payoutv1.EarningOutcome) error {
			if (item.Earning == nil) != (outcome == nil) {
				return fmt.Errorf("item %d: outcome %v", item.Of, outcome)
			}
			if upload.Refusal(outcome) != nil {
				s.rejected++
			}
			s.returned[item.Of]++
			s.order = append(s.order, item.Of)
			return nil
		},
		Wait: func(_ context.Context, pause time.Duration) error {
			s.waits = append(s.waits, pause)
			return nil
		},
	}
	return s
}

// check says which items did not come back once.
func (s *sender) check(t *testing.T) {
	t.Helper()
	for i, times := range s.returned {
		if times != 1 {
			t.Fatalf("item %d came back %d times, want once", i, times)
		}
	}
}

func stopping() error {
	return fault.New(fault.Unavailable, "SERVER_STOPPING", "the server is stopping")
}

const count = 12_345

func TestUploadInOrder(t *testing.T) {
	server := newService()
	sender := newSender(server.dial(t), count)
	if err := sender.Run(t.Context()); err != nil {
		t.Fatalf("Run: %v", err)
	}
	sender.check(t)
	for i, item := range sender.order {
		if item != i {
			t.Fatalf("item %d came back in place %d", item, i)
		}
	}
	if server.streams != 1 {
		t.Errorf("%d streams, want 1", server.streams)
	}
}

func TestUploadSendsAgainWhatWasNotAnswered(t *testing.T) {
	server := newService()
	server.cut = func(stream, batch int) error {
		if batch == 3 && stream < 5 {
			return stopping()
		}
		return nil
	}
	sender := newSender(server.dial(t), count)
	if err := sender.Run(t.Context()); err != nil {
		t.Fatalf("Run: %v", err)
	}
	sender.check(t)
	if server.streams < 5 {
		t.Errorf("%d streams, want 5 or more", server.streams)
	}
	if want := count - (count+9)/10; len(server.stored) != want {
		t.Errorf("%d earnings are stored, want %d", len(server.stored), want)
	}
}

func TestUploadSendsAgainEarningsThatCanSucceedLater(t *testing.T) {
	server := newService()
	server.outcome = func(stream int, earning *payoutv1.Earning) error {
		switch {
		case strings.HasSuffix(earning.GetName(), "7") && stream == 2:
			return fault.New(fault.Unavailable, "TERMS_UNAVAILABLE", "the plan service is out")
		case earning.GetName() == "e5":
			return fault.New(fault.Exists, "EARNING_ID_REUSED", "for good")
		}
		return nil
	}
	server.cut = func(stream, batch int) error {
		if stream == 1 && batch == 2 {
			return stopping()
		}
		return nil
	}
	sender := newSender(server.dial(t), count)
	if err := sender.Run(t.Context()); err != nil {
		t.Fatalf("Run: %v", err)
	}
	sender.check(t)
	if sender.rejected != 1 {
		t.Errorf("%d items came back rejected, want the one that is rejected for good", sender.rejected)
	}
}

func TestUploadGivesUp(t *testing.T) {
	tests := []struct {
		name      string
		cut       func(stream, batch int) error
		wantErr   string
		wantWaits int
	}{
		{"after ten attempts where nothing was ever answered", func(int, int) error { return stopping() }, "SERVER_STOPPING", 9},
		{
			"after ten attempts without an answer",
			func(stream, batch int) error {
				if stream == 1 && batch == 1 {
					return nil
				}
				return stopping()
			},
			"SERVER_STOPPING", 9,
		},
		{
			"at once where sending again cannot help",
			func(_, batch int) error {
				if batch == 1 {
					return nil
				}
				return fault.New(fault.Denied, "NOT_YOURS", "no")
			},
			"NOT_YOURS", 0,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newService()
			server.cut = test.cut
			sender := newSender(server.dial(t), count)
			err := sender.Run(t.Context())
			if got := fault.ReasonOf(rpc.FromStatus(err)); got != test.wantErr {
				t.Errorf("Run: %v, want one with reason %s", err, test.wantErr)
			}
			if len(sender.waits) != test.wantWaits {
				t.Errorf("%d waits (%v), want %d", len(sender.waits), sender.waits, test.wantWaits)
			}
		})
	}
}

func TestUploadGivesUpAtOnceWhereNobodyIsThere(t *testing.T) {
	conn, err := rpc.Dial("127.0.0.1:1", grpc.WithDisableRetry())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sender := newSender(payoutv1.NewPayoutServiceClient(conn), count)
	if err := sender.Run(t.Context()); status.Code(err) != codes.Unavailable {
		t.Errorf("Run: %v, want UNAVAILABLE", err)
	}
	if len(sender.waits) != 0 {
		t.Errorf("%d waits (%v), want none", len(sender.waits), sender.waits)
	}
}

func TestUploadGoesOnAfterAStreamThatWasNeverAnswered(t *testing.T) {
	server := newService()
	server.cut = func(stream, _ int) error {
		if stream == 1 {
			return stopping()
		}
		return nil
	}
	sender := newSender(server.dial(t), count)
	if err := sender.Run(t.Context()); err != nil {
		t.Fatalf("Run: %v", err)
	}
	sender.check(t)
}

func TestUploadGivesUpOnAServiceThatIsSilent(t *testing.T) {
	server := newService()
	silent := make(chan struct{})
	t.Cleanup(func() { close(silent) })
	server.cut = func(_, batch int) error {
		if batch == 2 {
			<-silent
		}
		return nil
	}
	sender := newSender(server.dial(t), count)
	sender.Timeout = 2 * time.Second
	if err := sender.Run(t.Context()); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("Run: %v, want DEADLINE_EXCEEDED", err)
	}
	if len(sender.order) != 1000 || len(sender.waits) != 0 {
		t.Errorf("%d items came back, and %d waits; want those of the first batch, and none", len(sender.order), len(sender.waits))
	}
}

func TestUploadPassesOnErrorsOfNextAndDone(t *testing.T) {
	broken := errors.New("broken")
	t.Run("Next, after what was read has outcomes", func(t *testing.T) {
		sender := newSender(newService().dial(t), 2_500)
		next := sender.Next
		sender.Next = func() (upload.Item[int], error) {
			item, err := next()
			if errors.Is(err, io.EOF) {
				return item, broken
			}
			return item, err
		}
		if err := sender.Run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Run: %v, want Next's error", err)
		}
		sender.check(t)
	})
	t.Run("Done", func(t *testing.T) {
		sender := newSender(newService().dial(t), count)
		sender.Done = func(upload.Item[int], *payoutv1.EarningOutcome) error { return broken }
		if err := sender.Run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Run: %v, want Done's error", err)
		}
	})
}

func TestUploadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	sender := newSender(newService().dial(t), count)
	sender.Next = func() (upload.Item[int], error) { // as standard input that nobody writes to
		cancel()
		<-t.Context().Done()
		return upload.Item[int]{}, io.EOF
	}
	if err := sender.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v, want context.Canceled", err)
	}
}
