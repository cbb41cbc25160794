package payoutrpc

import (
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

type earningStream = grpc.BidiStreamingServer[payoutv1.StreamEarningsRequest, payoutv1.StreamEarningsResponse]

// StreamEarnings records batches, one after the other, and answers each when it
// is on stable storage. Rules E2, E3.
//
// While one batch is recorded the next is read, and no more than that: a store
// that is slow makes the sender wait. When the server stops, what was read is
// still recorded and answered.
func (s *Service) StreamEarnings(stream earningStream) error {
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
		if !draining {
			next = readAhead(stream)
		}
		outcomes, err := s.recordBatch(stream.Context(), read.request.GetEarnings())
		if err != nil {
			return err
		}
		if err := stream.Send(&payoutv1.StreamEarningsResponse{Outcomes: outcomes}); err != nil {
			return err
		}
		if draining {
			return rpc.Draining()
		}
	}
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
