package upload

import (
	"slices"
	"sync"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// A batch is the items of one request that have no outcome.
type batch[T any] struct{ items []Item[T] }

// request returns what to send, nil where the batch holds no earning.
func (b *batch[T]) request() *payoutv1.StreamEarningsRequest {
	var earnings []*payoutv1.Earning
	for _, item := range b.items {
		if item.Earning != nil {
			earnings = append(earnings, item.Earning)
		}
	}
	if earnings == nil {
		return nil
	}
	return &payoutv1.StreamEarningsRequest{Earnings: earnings}
}

// A queue holds the batches that were read and are not settled, oldest first.
type queue[T any] struct {
	mu      sync.Mutex
	batches []*batch[T]
}

func (q *queue[T]) add(last *batch[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batches = append(q.batches, last)
}

// settle takes the first batch out.
func (q *queue[T]) settle() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batches = slices.Delete(q.batches, 0, 1)
}

func (q *queue[T]) all() []*batch[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.batches)
}
