package payoutrpc

import (
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
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
// While one batch is recorded the next is read, and no more than that: a store
// that is slow makes the sender wait. Where many streams do so, one reads the next
// batch only when it has recorded the last. When the server stops, what was read is
// still recorded and answered.
func (s *Service) StreamEarnings(stream earningStream) error {
	defer s.streams.Add(-1)
	if s.streams.Add(1) > maxStreams {
		return fault.New(fault.Limit, "TOO_MANY_STREAMS", "%d streams are open, which is as many as are taken: send on fewer, or later", maxStreams)
	}
	next := readAhead(stream)
	for {
		var read reading
		select {
		case read = <-next:
		case <-s.Drain:
			select {
			case read = <-next:
			default:
				return rpc.Draining()
			}
		}
		if errors.Is(read.err, io.EOF) {
			return nil
		}
		if read.err != nil {
			return read.err
		}
		draining := s.draining()
		var outcomes []*payoutv1.EarningOutcome
		var err error
		next, outcomes, err = s.recordAhead(stream, read.request, !draining)
		if err != nil {
			return err
		}
		if err := stream.Send(&payoutv1.StreamEarningsResponse{Outcomes: outcomes}); err != nil {
			return err
		}
		if draining {
			return rpc.Draining()
		}
		if next == nil {
			next = readAhead(stream)
		}
	}
}

// recordAhead records a batch, and reads the next one meanwhile, if it may and not too many do; else next is nil.
func (s *Service) recordAhead(
	stream earningStream, request *payoutv1.StreamEarningsRequest, mayRead bool,
) (next <-chan reading, outcomes []*payoutv1.EarningOutcome, err error) {
	if mayRead {
		defer s.readsAhead.Add(-1)
		if s.readsAhead.Add(1) <= maxReadsAhead {
			next = readAhead(stream)
		}
	}
	outcomes, err = s.recordBatch(stream.Context(), request.GetEarnings())
	return next, outcomes, err
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
