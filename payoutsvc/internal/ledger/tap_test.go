package ledger_test

import (
	"context"
	"sync"

	"github.com/incentives-dev/incentives/internal/store"
)

// An operation is what a ledger does with its store.
type operation string

const (
	get    operation = "get"
	scan   operation = "scan"
	commit operation = "commit"
)

// A call is one use of a tapped store.
type call struct {
	operation
	nth       int // among the calls of its operation, from 1
	nthOfAll  int // likewise, of any operation
	partition store.Partition
	batch     *store.Batch // of a commit
	do        func() error // makes the call
}

// A tap is a store that counts its calls, and lets a function make them, fail
// them, or both: a commit can fail before it is applied, and after.
type tap struct {
	store.DB
	through func(call) error // nil makes every call

	mu   sync.Mutex
	made map[operation]int // how many calls
	all  int
	read int // how many keys and entries
}

func (t *tap) Get(ctx context.Context, p store.Partition, keys ...store.Key) (values [][]byte, err error) {
	err = t.pass(call{operation: get, partition: p, do: func() (err error) {
		values, err = t.DB.Get(ctx, p, keys...)
		return err
	}})
	if err != nil {
		return nil, err
	}
	t.count(len(keys))
	return values, nil
}

func (t *tap) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) (entries []store.Entry, err error) {
	err = t.pass(call{operation: scan, partition: p, do: func() (err error) {
		entries, err = t.DB.Scan(ctx, p, collection, from, limit)
		return err
	}})
	if err != nil {
		return nil, err
	}
	t.count(len(entries))
	return entries, nil
}

func (t *tap) Commit(ctx context.Context, p store.Partition, b *store.Batch) error {
	return t.pass(call{operation: commit, partition: p, batch: b, do: func() error { return t.DB.Commit(ctx, p, b) }})
}

func (t *tap) pass(c call) error {
	t.mu.Lock()
	if t.made == nil {
		t.made = map[operation]int{}
	}
	t.made[c.operation]++
	t.all++
	c.nth, c.nthOfAll = t.made[c.operation], t.all
	t.mu.Unlock()
	if t.through == nil {
		return c.do()
	}
	return t.through(c)
}

func (t *tap) count(read int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read += read
}

// unheard applies a commit, and loses the answer.
func unheard(c call) error {
	if err := c.do(); err != nil {
		return err
	}
	return store.ErrUnavailable
}
