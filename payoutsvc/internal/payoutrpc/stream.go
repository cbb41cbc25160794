package payoutrpc

import (
	"errors"
	"io"
	"slices"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// What streams may hold in memory: each a batch, which takes up to some 15 MiB while it is recorded, and some of them
// the next one.
const (
	maxStreams    = 24
	maxReadsAhead = 8
)

type earningStream = grpc.BidiStreamingServer[payoutv1.StreamEarningsRequest, payoutv1.StreamEarningsResponse]

// StreamEarnings records batches, one after the other, and answers each when it
// is on stable storage. Rules E2, E3.
//
// While one batch is recorded the next is read and put behind it, and no more than that: a
// store that is slow makes the sender wait. Where many streams do so, one reads the next
// batch only when it has answered the last. When the server stops, what was read is
// still recorded and answered.
func (s *Service) StreamEarnings(stream earningStream) error {
	defer s.streams.Add(-1)
	if s.streams.Add(1) > maxStreams {
		return fault.New(fault.Limit, "TOO_MANY_STREAMS", "%d streams are open, which is as many as are taken: send on fewer, or later", maxStreams)
	}
	f := &flow{Service: s, stream: stream}
	defer f.behind()
	drain := s.Drain
	for {
		f.read()
		if f.ended && len(f.batches) == 0 {
			return f.end
		}
		select {
		case <-f.first():
			if err := f.answer(); err != nil {
				return err
			}
		case read := <-f.next:
			f.take(read)
		case <-drain:
			drain = nil
			f.drain()
		case <-stream.Context().Done(): // there is nobody to answer
			return stream.Context().Err()
		}
	}
}

// A flow is what a stream has in its service.
type flow struct {
	*Service
	stream  earningStream
	next    <-chan reading // the request that is being read; nil if none is
	ahead   bool           // it, or the last batch, is one of those that are read ahead
	batches []*batch       // that are to be answered, at most two
	ended   bool           // no more is read
	end     error          // what the stream ends with then
}

// A batch is one request on its way.
type batch struct {
	attempts []attempt
	entries  []int         // which of them are to be recorded
	place    *ledger.Place // where those are
	err      error         // why it can't be read
}

// read begins to read the next request, if it may.
func (f *flow) read() {
	if f.ended || f.next != nil || len(f.batches) > 1 {
		return
	}
	if len(f.batches) == 1 {
		if f.readsAhead.Add(1) > maxReadsAhead {
			f.readsAhead.Add(-1)
			return
		}
		f.ahead = true
	}
	f.next = readAhead(f.stream)
}

// behind notes that what was read ahead no longer is.
func (f *flow) behind() {
	if f.ahead {
		f.ahead = false
		f.readsAhead.Add(-1)
	}
}

// take takes in what was read: a batch is put in line.
func (f *flow) take(read reading) {
	f.next = nil
	if read.err != nil {
		f.ended = true
		if !errors.Is(read.err, io.EOF) {
			f.end = read.err
		}
		return
	}
	b := &batch{place: &ledger.Place{}}
	var after *ledger.Place
	for _, before := range f.batches {
		after = before.place
	}
	f.batches = append(f.batches, b)
	if b.attempts, b.err = readBatch(read.request.GetEarnings()); b.err != nil {
		return
	}
	ctx := f.stream.Context()
	entries, places := f.admit(ctx, b.attempts)
	b.entries, b.place = places, f.Ledger.Put(ctx, f.Clock(), entries, after)
}

// drain takes in what is read already, and has the stream end behind it.
func (f *flow) drain() {
	select {
	case read := <-f.next:
		f.take(read)
	default:
	}
	if !f.ended {
		f.ended, f.end = true, rpc.Draining()
	}
}

// first is closed when the first batch can be answered.
func (f *flow) first() <-chan struct{} {
	if len(f.batches) == 0 {
		return nil
	}
	return f.batches[0].place.Done()
}

// answer answers the first batch.
func (f *flow) answer() error {
	b := f.batches[0]
	f.batches = slices.Delete(f.batches, 0, 1)
	f.behind()
	if b.err != nil {
		return b.err
	}
	learn(b.attempts, b.entries, b.place.Outcomes())
	ctx := f.stream.Context()
	if ctx.Err() != nil {
		return ctx.Err() // what became of some of them is not known
	}
	outcomes, err := f.outcomes(ctx, b.attempts)
	if err != nil {
		return err
	}
	return f.stream.Send(&payoutv1.StreamEarningsResponse{Outcomes: outcomes})
}

// A reading is the next request of a stream, or why there is none.
type reading struct {
	request *payoutv1.StreamEarningsRequest
	err     error
}

// readAhead begins to read the next request. It comes to an end with the stream.
func readAhead(stream earningStream) <-chan reading {
	next := make(chan reading, 1)
	go func() {
		request, err := stream.Recv()
		next <- reading{request: request, err: err}
	}()
	return next
}
