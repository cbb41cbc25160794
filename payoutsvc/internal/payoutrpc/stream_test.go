package payoutrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/store"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// A sender sends batches over one stream.
type sender struct {
	grpc.BidiStreamingClient[payoutv1.StreamEarningsRequest, payoutv1.StreamEarningsResponse]
}

func (o *office) sender(ctx context.Context, t *testing.T) sender {
	t.Helper()
	stream, err := o.StreamEarnings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return sender{stream}
}

func (s sender) send(t *testing.T, batch ...*payoutv1.Earning) {
	t.Helper()
	if err := s.Send(&payoutv1.StreamEarningsRequest{Earnings: batch}); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// checkAnswer checks the next answer: what became of each earning of a batch.
func (s sender) checkAnswer(t *testing.T, want ...string) {
	t.Helper()
	response, err := s.Recv()
	if err != nil {
		t.Fatalf("no answer: %v, want %q", err, want)
	}
	if diff := cmp.Diff(want, outcomes(response.GetOutcomes())); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// checkEnd checks that there is no other answer, and what the stream ended with.
func (s sender) checkEnd(t *testing.T, want string) {
	t.Helper()
	response, err := s.Recv()
	if response != nil {
		t.Errorf("one more answer, %q, want the end", outcomes(response.GetOutcomes()))
	}
	got := told(err)
	if errors.Is(err, io.EOF) {
		got = "OK"
	}
	if got != want {
		t.Errorf("the stream ended with %s, want %s", got, want)
	}
}

func TestE2_E3_StreamAnswersInOrder(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		const batches = 50
		s := o.sender(t.Context(), t)
		for i := range batches { // all are on their way before the first answer is read
			bad := earning(contoso, "bad", 0)
			s.send(t, earning(contoso, fmt.Sprint("a", i), 1), bad, earning(fabrikam, fmt.Sprint("b", i/2), 1))
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for i := range batches {
			third := "RECORDED 2026-04"
			if i%2 == 1 {
				third = "DUPLICATE 2026-04"
			}
			s.checkAnswer(t, "RECORDED 2026-04", "REJECTED InvalidArgument AMOUNT_ZERO; earnings[1].amount AMOUNT_ZERO", third)
			if _, err := o.GetEarning(t.Context(), &payoutv1.GetEarningRequest{Name: contoso + "/earnings/" + fmt.Sprint("a", i)}); err != nil {
				t.Errorf("batch %d was answered, and its first earning is not there: %v", i, err)
			}
		}
		s.checkEnd(t, "OK")
		if a, b := o.earnedInApril(t, contoso), o.earnedInApril(t, fabrikam); a != batches || b != batches/2 {
			t.Errorf("earned %d and %d, want %d and %d", a, b, batches, batches/2)
		}
	})
}

func TestStreamEarnings_NothingSent(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		s := o.sender(t.Context(), t)
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		s.checkEnd(t, "OK")
	})
}

// A defect that a batch meets while it is read ends its stream, and not the process.
func TestStreamEarnings_Defect(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.plansvc.Before(func(context.Context) error { panic("a defect") })
		s := o.sender(t.Context(), t)
		s.send(t, earning(contoso, "e", 1))
		s.checkEnd(t, "Internal")
		o.plansvc.Before(nil)
		s = o.sender(t.Context(), t)
		s.send(t, earning(contoso, "e", 1))
		s.checkAnswer(t, "RECORDED 2026-04")
	})
}

func TestStreamEarnings_BadBatchEndsIt(t *testing.T) {
	large := earning(contoso, "large", 1)
	large.Description = strings.Repeat("x", 4<<20)
	for _, test := range []struct {
		name  string
		batch []*payoutv1.Earning
		want  string
	}{
		{"empty", nil, "InvalidArgument BATCH_EMPTY; earnings BATCH_EMPTY"},
		{"too many", manyEarnings(5001), "InvalidArgument BATCH_TOO_LARGE; earnings BATCH_TOO_LARGE"},
		{"too large", []*payoutv1.Earning{large}, "ResourceExhausted MESSAGE_TOO_LARGE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in(t, func(t *testing.T, o *office) {
				s := o.sender(t.Context(), t)
				s.send(t, earning(contoso, "a", 1))
				s.send(t, test.batch...)
				s.checkAnswer(t, "RECORDED 2026-04") // what is answered stands
				s.checkEnd(t, test.want)
				if got := o.earnedInApril(t, contoso); got != 1 {
					t.Errorf("%d earned, want what was answered, 1", got)
				}
			})
		})
	}
}

// Wherever a stream is cut, what was acknowledged stands; the rest may be sent again, and counts once.
func TestE2_StreamIsCut(t *testing.T) {
	for _, acknowledged := range []int{0, 1, 7} {
		t.Run(fmt.Sprint(acknowledged, " acknowledged"), func(t *testing.T) {
			in(t, func(t *testing.T, o *office) {
				const batches = 20
				ctx, cut := context.WithCancel(t.Context())
				s := o.sender(ctx, t)
				for i := range batches {
					s.send(t, earning(contoso, fmt.Sprint(i), 1))
				}
				for range acknowledged {
					s.checkAnswer(t, "RECORDED 2026-04")
				}
				cut()
				synctest.Wait()
				for i := range acknowledged {
					if _, err := o.GetEarning(t.Context(), &payoutv1.GetEarningRequest{Name: contoso + "/earnings/" + fmt.Sprint(i)}); err != nil {
						t.Errorf("earning %d was acknowledged, and is not there: %v", i, err)
					}
				}
				again := o.sender(t.Context(), t)
				for i := range batches {
					again.send(t, earning(contoso, fmt.Sprint(i), 1))
				}
				if err := again.CloseSend(); err != nil {
					t.Fatal(err)
				}
				for i := range batches {
					response, err := again.Recv()
					if err != nil {
						t.Fatal(err)
					}
					if state := response.GetOutcomes()[0].GetState(); i < acknowledged && state != payoutv1.EarningOutcome_DUPLICATE {
						t.Errorf("earning %d was acknowledged, and is %s when it is sent again, want DUPLICATE", i, state)
					}
				}
				again.checkEnd(t, "OK")
				if got := o.earnedInApril(t, contoso); got != batches {
					t.Errorf("%d earned when all is sent again, want %d", got, batches)
				}
				if got := o.log.Count("level=ERROR"); got > 0 {
					t.Errorf("a cut stream logged %d errors, want none", got)
				}
			})
		})
	}
}

func TestE2_StreamWhileTheStoreIsOut(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		s := o.sender(t.Context(), t)
		s.send(t, earning(contoso, "a", 1))
		s.checkAnswer(t, "RECORDED 2026-04")
		o.db.set(func(context.Context, store.Partition) error { return store.ErrUnavailable })
		s.send(t, earning(contoso, "b", 1))
		s.checkEnd(t, "Unavailable STORE_UNAVAILABLE")
	})
}

// On shutdown the service answers what it has read, and ends the stream.
func TestE2_StreamDrains(t *testing.T) {
	for _, test := range []struct {
		name     string
		batches  int // sent before the server stops, while the store takes its time
		answered int // of these: what was read
	}{
		{"idle", 0, 0},
		{"one batch at work", 1, 1},
		{"one more read", 2, 2},
		{"two more read", 3, 3},
		{"others on their way", 5, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			in(t, func(t *testing.T, o *office) {
				streams := make([]sender, 4) // which may all read two ahead
				for i := range streams {     // each is known to be open
					streams[i] = o.sender(t.Context(), t)
					streams[i].send(t, earning(contoso, "first", 1))
					if _, err := streams[i].Recv(); err != nil {
						t.Fatal(err)
					}
				}
				release := o.db.hold()
				for i, s := range streams {
					for n := range test.batches {
						s.send(t, earning(contoso, fmt.Sprint(i, "-", n), 1))
					}
				}
				synctest.Wait()
				stopped := time.Now()
				o.stop()
				synctest.Wait()
				release()
				for _, s := range streams {
					for range test.answered {
						s.checkAnswer(t, "RECORDED 2026-04")
					}
					s.checkEnd(t, "Unavailable SERVER_STOPPING")
				}
				if err := <-o.served; err != nil {
					t.Errorf("the server ended with %v, want nil", err)
				}
				if took := time.Since(stopped); took > time.Second {
					t.Errorf("the server took %s to stop, want next to no time: nothing was slow but the store", took)
				}
			})
		})
	}
}
