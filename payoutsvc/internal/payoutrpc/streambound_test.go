package payoutrpc_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// Where many streams wait for the store, eight read one more batch. What was read is what the server answers when it stops.
func TestStreamEarnings_FewReadAhead(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		const most = 8
		streams := make([]sender, most+4)
		for i := range streams {
			streams[i] = o.sender(t.Context(), t)
			streams[i].send(t, earning(contoso, "first", 1))
			if _, err := streams[i].Recv(); err != nil {
				t.Fatal(err)
			}
		}
		for round := range 2 { // what was read ahead makes place for others
			release := o.db.hold()
			for i, s := range streams {
				for n := range 3 {
					s.send(t, earning(contoso, fmt.Sprint(round, "-", i, "-", n), 1))
				}
			}
			synctest.Wait()
			if round > 0 {
				o.stop()
				synctest.Wait()
				release()
				break
			}
			release()
			for _, s := range streams {
				for range 3 {
					s.checkAnswer(t, "RECORDED 2026-04")
				}
			}
		}
		answers := 0
		for _, s := range streams {
			for {
				if _, err := s.Recv(); err != nil {
					break
				}
				answers++
			}
		}
		if want := len(streams) + most; answers != want {
			t.Errorf("%d batches of %d streams were read while the store took its time, want %d: one each, and %d ahead", answers, len(streams), want, most)
		}
		if err := <-o.served; err != nil {
			t.Errorf("the server ended with %v, want nil", err)
		}
	})
}

// A stream that ends leaves what it has read ahead to others.
func TestStreamEarnings_EndedIsNotAhead(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		const most = 8
		release := o.db.hold()
		ctx, giveUp := context.WithCancel(t.Context())
		for i := range most {
			s := o.sender(ctx, t)
			for n := range 2 {
				s.send(t, earning(contoso, fmt.Sprint("gone-", i, "-", n), 1))
			}
		}
		synctest.Wait()
		giveUp()
		synctest.Wait()
		s := o.sender(t.Context(), t)
		for n := range 3 {
			s.send(t, earning(contoso, fmt.Sprint("next-", n), 1))
		}
		synctest.Wait()
		o.stop()
		synctest.Wait()
		release()
		for range 3 {
			s.checkAnswer(t, "RECORDED 2026-04")
		}
		s.checkEnd(t, "Unavailable SERVER_STOPPING")
	})
}

// A slow store makes the sender wait: what a stream holds does not grow with what is sent.
func TestStreamEarnings_SlowStoreSlowsTheSender(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		release := o.db.hold()
		defer release()
		s := o.sender(t.Context(), t)
		batch := wordyEarnings()
		size := proto.Size(&payoutv1.StreamEarningsRequest{Earnings: batch})
		const total = 50
		var sent atomic.Int32
		go func() {
			for range total {
				if s.Send(&payoutv1.StreamEarningsRequest{Earnings: batch}) != nil {
					return
				}
				sent.Add(1)
			}
		}()
		<-time.After(time.Minute) // as long as the store likes
		// One is recorded and two are read; the rest is what HTTP/2 has in its windows on both sides.
		const most = 8
		if got := sent.Load(); got < 2 || got > most {
			t.Errorf("a store that has taken nothing was sent %d batches of %d bytes, want 2 to %d of %d", got, size, most, total)
		}
		release()
		for i := range total {
			if _, err := s.Recv(); err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
		}
		if got, want := o.earnedInApril(t, contoso), int64(len(batch)/2); got != want {
			t.Errorf("%d earned, want %d: every batch was the same", got, want)
		}
	})
}

// wordyEarnings make a large batch that is soon recorded: 200 of 2 kB.
func wordyEarnings() []*payoutv1.Earning {
	batch := manyEarnings(200)
	for _, e := range batch {
		e.Description = strings.Repeat("\U0001F4B6", 500)
	}
	return batch
}

// Nobody has to read answers at once: a sender that does not is made to wait, and its server may stop.
func TestStreamEarnings_SenderThatDoesNotRead(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		s := o.sender(t.Context(), t)
		var sent atomic.Int32
		go func() {
			for s.Send(&payoutv1.StreamEarningsRequest{Earnings: manyEarnings(1000)}) == nil {
				sent.Add(1)
			}
		}()
		<-time.After(time.Minute)
		held := sent.Load()
		if held < 2 || held > 100 {
			t.Errorf("%d batches were taken from a sender that reads no answer, want it to wait", held)
		}
		stopped := time.Now()
		o.stop()
		if err := <-o.served; err != nil {
			t.Errorf("the server ended with %v, want nil", err)
		}
		if took := time.Since(stopped); took > 10*time.Second {
			t.Errorf("the server took %s to stop, want its deadline, 10s, at the most", took)
		}
	})
}

// What streams hold in memory is bounded: so is how many there are.
func TestStreamEarnings_TooMany(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		const most = 24
		answered := func(n int) sender {
			s := o.sender(t.Context(), t)
			s.send(t, earning(contoso, fmt.Sprint("e", n), 1))
			s.checkAnswer(t, "RECORDED 2026-04")
			return s
		}
		end := func(s sender) {
			if err := s.CloseSend(); err != nil {
				t.Fatal(err)
			}
			s.checkEnd(t, "OK")
		}
		open := make([]sender, most)
		for i := range open {
			open[i] = answered(i)
		}
		o.sender(t.Context(), t).checkEnd(t, "ResourceExhausted TOO_MANY_STREAMS")
		end(open[0])
		open[0] = answered(most) // in its place
		ctx, giveUp := context.WithCancel(t.Context())
		end(open[1])
		open[1] = o.sender(ctx, t)
		release := o.db.hold()
		open[1].send(t, earning(contoso, "given-up", 1))
		open[1].send(t, earning(contoso, "given-up-too", 1))
		synctest.Wait()
		giveUp()
		synctest.Wait()
		open[1] = o.sender(t.Context(), t) // though the store has not answered the one before
		open[1].send(t, earning(contoso, "in-its-place", 1))
		synctest.Wait()
		release()
		open[1].checkAnswer(t, "RECORDED 2026-04")
		for _, s := range open {
			end(s)
		}
	})
}

// What a stream had waiting when it ended waits no more, so that nobody is refused for it.
func TestStreamEarnings_EndedLeavesTheLine(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		release := o.db.hold()
		batch := manyEarnings(5000)
		for range 32 { // of 160,000 earnings, which are as many as may wait or be at work
			ctx, giveUp := context.WithCancel(t.Context())
			s := o.sender(ctx, t)
			s.send(t, batch...)
			synctest.Wait()
			giveUp()
			synctest.Wait()
		}
		answer := make(chan error, 1)
		go func() { // not by the client, which would try again
			_, err := o.service.BatchRecordEarnings(t.Context(), &payoutv1.BatchRecordEarningsRequest{Earnings: manyEarnings(2)})
			answer <- err
		}()
		synctest.Wait()
		release()
		if err := <-answer; err != nil {
			t.Errorf("a batch when 32 streams have ended that had 5,000 earnings on their way: %v", err)
		}
	})
}
