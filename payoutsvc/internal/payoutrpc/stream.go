package payoutrpc

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

type earningStream = grpc.BidiStreamingServer[payoutv1.StreamEarningsRequest, payoutv1.StreamEarningsResponse]

// StreamEarnings records batches, one after the other, and answers each when it
// is on stable storage. Rules E2, E3.
//
// While one batch is recorded the next two are read and put behind it, and no more than that: a
// store that is slow makes the sender wait. Where many streams do so, one reads the next
// batch only when it has answered the last. When the server stops, what was read is
// still recorded and answered.
func (s *Service) StreamEarnings(stream earningStream) error {
	leave, err := s.enterStream(stream.Context())
	if err != nil {
		return err
	}
	defer leave()
	f := &flow{Service: s, stream: stream}
	defer f.finish()
	drain := s.Drain
	for {
		f.beginRead()
		if f.ended && len(f.batches) == 0 {
			return f.end
		}
		select {
		case <-f.firstDone():
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

// enterStream counts a stream, until leave is called.
func (s *Service) enterStream(ctx context.Context) (leave func(), err error) {
	leaveAll, ok := s.streams.Take("", ledger.MaxStreams)
	if !ok {
		return nil, tooManyStreams("%d streams are open, which is as many as are taken: send on fewer, or later", ledger.MaxStreams)
	}
	who, _ := auth.Caller(ctx)
	key := who.Key()
	if key == "" {
		return leaveAll, nil
	}
	leaveOwn, ok := s.streams.Take(key, ledger.MaxStreamsOfCaller)
	if !ok {
		leaveAll()
		return nil, tooManyStreams("%d streams of this caller are open, as many as it may have: send on fewer", ledger.MaxStreamsOfCaller)
	}
	return func() { leaveOwn(); leaveAll() }, nil
}

func tooManyStreams(format string, most int) error {
	e := fault.New(fault.Limit, "TOO_MANY_STREAMS", format, most)
	e.RetryAfter = time.Second
	return e
}

// A flow is what a stream has in its service.
type flow struct {
	*Service
	stream  earningStream
	next    <-chan reading // the request that is being read; nil if none is
	batches []*batch       // that are to be answered
	ended   bool           // no more is read
	end     error          // what the stream ends with then
	ahead   []func()       // of each batch behind the first, also of that which is being read: says that it is no longer ahead
}

// A batch is one request on its way.
type batch struct {
	attempts []attempt
	entries  []ledger.Entry // what is to be recorded
	indexes  []int          // which of the attempts that are
	place    *ledger.Place
}

// beginRead begins to read the next request, if it may.
func (f *flow) beginRead() {
	if f.ended || f.next != nil || len(f.batches) > ledger.MaxReadsAheadOfStream {
		return
	}
	if len(f.batches) > 0 {
		release, ok := f.readsAhead.Take("", ledger.MaxReadsAhead)
		if !ok {
			return
		}
		f.ahead = append(f.ahead, release)
	}
	next := make(chan reading, 1)
	go func() { next <- f.read() }()
	f.next = next
}

// finish leaves nothing behind of a stream that has ended.
func (f *flow) finish() {
	for _, release := range f.ahead {
		release()
	}
	for _, b := range slices.Backward(f.batches) { // one that is given up holds back none behind it
		f.Ledger.GiveUp(b.place)
	}
}

// A reading is the next batch of a stream, or why there is none.
type reading struct {
	*batch
	err error
}

// read reads the next batch, and finds what of it is to be recorded. It comes to an end with the stream.
func (f *flow) read() (read reading) {
	defer fault.Recovered(&read.err, "reading a stream") // nobody else would
	request, err := f.stream.Recv()
	if err != nil {
		return reading{err: err}
	}
	b := &batch{}
	if b.attempts, err = readBatch(request.GetEarnings()); err != nil {
		return reading{err: err}
	}
	b.entries, b.indexes = f.admit(f.stream.Context(), b.attempts)
	return reading{batch: b}
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
	var after *ledger.Place
	for _, before := range f.batches {
		after = before.place
	}
	read.place = f.Ledger.Put(f.stream.Context(), f.Clock(), read.entries, after)
	read.entries = nil // the line has them
	f.batches = append(f.batches, read.batch)
}

// drain takes in what is read already, and has the stream end behind it.
func (f *flow) drain() {
	select {
	case read := <-f.next:
		f.take(read)
	default:
	}
	f.next = nil
	if !f.ended {
		f.ended, f.end = true, rpc.Draining()
	}
}

// firstDone is closed when the first batch can be answered.
func (f *flow) firstDone() <-chan struct{} {
	if len(f.batches) == 0 {
		return nil
	}
	return f.batches[0].place.Done()
}

// answer answers the first batch.
func (f *flow) answer() error {
	b := f.batches[0]
	f.batches = slices.Delete(f.batches, 0, 1)
	if len(f.ahead) > 0 {
		f.ahead[0]()
		f.ahead = slices.Delete(f.ahead, 0, 1)
	}
	learn(b.attempts, b.indexes, b.place.Outcomes())
	outcomes, err := f.outcomes(f.stream.Context(), b.attempts)
	if err != nil {
		return err
	}
	return f.stream.Send(&payoutv1.StreamEarningsResponse{Outcomes: outcomes})
}
