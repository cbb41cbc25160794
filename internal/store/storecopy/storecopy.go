// Package storecopy copies a whole store into another one, of whatever engine, and checks that both hold the same.
//
// What always holds:
//
//   - A copy can be told from a part of one: until it is whole and was checked, the store that is copied to says so, in
//     the collection "copying" of every partition that was begun. See CheckWhole.
//   - A copy that was cut short goes on where it stood.
//   - A store that holds anything that is not of this copy is left as it is.
//
// Nobody else may write to either store meanwhile. Where somebody does, the check at the end finds it, or the copy is
// that of an earlier moment.
package storecopy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/incentives-dev/incentives/internal/store"
)

const (
	// pageSize is how many entries are read and written at once at most.
	pageSize = 1000
	// pageBytes is about how many bytes are read and written at once, where one entry has not more.
	pageBytes = 1 << 20
)

// progressCollection holds, in each partition that a copy was begun of, how far it is, under the empty id.
const progressCollection = "copying"

var progressKey = store.Key{Collection: progressCollection}

// A Copy copies one store into another.
type Copy struct {
	From, To store.DB
	// Progress is told what is being done, and how many entries of how many are; it may be nil.
	Progress func(step Step, done, total int64)

	step  Step
	done  int64
	total int64 // 0 until it is counted
}

// A Step is what a copy is at.
type Step string

// The steps, in their order.
const (
	Counting Step = "counting"
	Copying  Step = "copying"
	Checking Step = "checking"
)

// A NotEmptyError says that the store to copy to holds something else.
type NotEmptyError struct {
	Partition store.Partition
	Entry     string // one thing that is different
}

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("the store to copy to is neither empty nor a copy: partition %d differs in %s", e.Partition, e.Entry)
}

// A DifferenceError says that a copy is none.
type DifferenceError struct {
	Partition store.Partition
	Entry     string
}

func (e *DifferenceError) Error() string {
	return fmt.Sprintf("the stores differ after the copy: partition %d, %s. Was one of them written to meanwhile? "+
		"Copy to an empty store, with nobody writing", e.Partition, e.Entry)
}

// ErrUnfinished says that a store is a copy that is not whole, or that was not checked.
var ErrUnfinished = errors.New("it is a copy that is not finished: run \"incentives store copy\" again")

// CheckWhole fails with ErrUnfinished where a store is a part of a copy, and with what the store fails with.
func CheckWhole(ctx context.Context, db store.DB) error {
	for p := range db.Partitions() {
		marks, err := db.Get(ctx, store.Partition(p), progressKey)
		if err != nil {
			return err
		}
		if marks[0] != nil {
			return ErrUnfinished
		}
	}
	return nil
}

// Run copies, or goes on copying, checks, and returns how many entries both stores hold. Both have the same number of
// partitions. It fails with ErrUnfinished where the store to copy is itself a part of a copy, with a *NotEmptyError where
// the other store holds something else, with a *DifferenceError where the check finds one, and else with what the stores
// fail with: then it can be run again.
func (c *Copy) Run(ctx context.Context) (entries int64, err error) {
	n := c.From.Partitions()
	if n != c.To.Partitions() {
		return 0, fmt.Errorf("%w: from %d to %d", store.ErrPartitions, n, c.To.Partitions())
	}
	if err := CheckWhole(ctx, c.From); err != nil {
		return 0, fmt.Errorf("the store to copy: %w", err)
	}
	counts, stands := make([]int64, n), make([]stand, n)
	count := func(ctx context.Context, p store.Partition) (err error) {
		before := c.done
		if err := c.count(ctx, p); err != nil {
			return err
		}
		counts[p] = c.done - before
		stands[p], err = c.stand(ctx, p) // of all, before any is written to: one that refuses leaves them as they are
		return err
	}
	copied := int64(0)
	copyOne := func(ctx context.Context, p store.Partition) error {
		err := c.copy(ctx, p, stands[p])
		copied += counts[p]
		c.tell(int(copied - c.done)) // what had been copied before
		return err
	}
	for _, step := range []struct {
		name Step
		run  func(context.Context, store.Partition) error
	}{{Counting, count}, {Copying, copyOne}, {Checking, c.check}} {
		c.step, c.done = step.name, 0
		for p := range n {
			if err := step.run(ctx, store.Partition(p)); err != nil {
				return 0, err
			}
		}
		if step.name == Counting {
			c.total = c.done
		}
	}
	for p := range n {
		if err := c.release(ctx, store.Partition(p)); err != nil {
			return 0, err
		}
	}
	return c.total, nil
}

func (c *Copy) tell(more int) {
	c.done += int64(more)
	if c.Progress != nil {
		c.Progress(c.step, c.done, c.total)
	}
}

// A place is where a copy is in a partition.
type place struct {
	Collection string `json:"collection"`     // that is being copied; those before it are
	After      []byte `json:"after"`          // the last id of it that is there; bytes, since JSON's strings do not hold all ids
	Whole      bool   `json:"whole"`          // all of the partition is there
	Some       bool   `json:"some,omitempty"` // After is an id, and not the start
}

func (c *Copy) count(ctx context.Context, p store.Partition) error {
	for page, err := range read(ctx, c.From, p, place{}) {
		if err != nil {
			return err
		}
		c.tell(len(page.entries))
	}
	return nil
}

// A stand is how far a copy of a partition is before a run.
type stand struct {
	stored []byte // the mark of it, nil where there is none
	at     place
}

// stand reads how far a partition is. It fails where it holds something else.
func (c *Copy) stand(ctx context.Context, p store.Partition) (s stand, err error) {
	values, err := c.To.Get(ctx, p, progressKey)
	if err != nil {
		return s, err
	}
	if s.stored = values[0]; s.stored == nil {
		s.at.Whole, err = c.isCopied(ctx, p)
		return s, err
	}
	if err := json.Unmarshal(s.stored, &s.at); err != nil {
		return s, fmt.Errorf("how far the copy of partition %d is can't be read: %w", p, err)
	}
	return s, nil
}

// copy copies a partition, from where it stands on.
func (c *Copy) copy(ctx context.Context, p store.Partition, s stand) error {
	if s.at.Whole {
		return nil
	}
	stored := s.stored
	write := func(next place, entries []store.Entry, collection string) error {
		value, err := json.Marshal(next)
		if err != nil {
			return err
		}
		var b store.Batch
		b.Require(progressKey, stored)
		b.Put(progressKey, value)
		for _, entry := range entries {
			b.Put(store.Key{Collection: collection, ID: entry.ID}, entry.Value)
		}
		stored = value
		return c.To.Commit(ctx, p, &b)
	}
	for page, err := range read(ctx, c.From, p, s.at) {
		if err != nil {
			return err
		}
		for left := page.entries; len(left) > 0; {
			n := fitting(left)
			if err := write(place{Collection: page.collection, After: []byte(left[n-1].ID), Some: true}, left[:n], page.collection); err != nil {
				return err
			}
			c.tell(n)
			left = left[n:]
		}
	}
	return write(place{Whole: true}, nil, "")
}

// fitting is how many of some entries go into one commit, at least one.
func fitting(entries []store.Entry) int {
	size := 0
	for n, entry := range entries {
		if size += sizeOf(entry); size > pageBytes && n > 0 {
			return n
		}
	}
	return len(entries)
}

// isCopied tells whether a partition without a mark of a copy is whole: it was copied, checked and released before. An empty
// one counts as not begun, also where there is nothing to copy. It fails where the partition holds something else.
func (c *Copy) isCopied(ctx context.Context, p store.Partition) (bool, error) {
	names, err := c.To.Collections(ctx, p)
	if err != nil || len(names) == 0 {
		return false, err
	}
	difference, err := c.compare(ctx, p, func(int) {})
	if err == nil && difference != "" {
		err = &NotEmptyError{Partition: p, Entry: difference}
	}
	return true, err
}

// check compares a partition with its copy.
func (c *Copy) check(ctx context.Context, p store.Partition) error {
	difference, err := c.compare(ctx, p, c.tell)
	if err == nil && difference != "" {
		err = &DifferenceError{Partition: p, Entry: difference}
	}
	return err
}

// release takes the mark of the copy away: it is whole.
func (c *Copy) release(ctx context.Context, p store.Partition) error {
	var b store.Batch
	b.Delete(progressKey)
	return c.To.Commit(ctx, p, &b)
}

// compare goes through a partition of both stores side by side, and returns the first difference, "" where there is
// none. Compared is told how many entries were the same.
func (c *Copy) compare(ctx context.Context, p store.Partition, compared func(int)) (difference string, err error) {
	from, stopFrom := iter.Pull2(walk(ctx, c.From, p))
	defer stopFrom()
	to, stopTo := iter.Pull2(walk(ctx, c.To, p))
	defer stopTo()
	for same := 0; ; same++ {
		if same == pageSize {
			compared(same)
			same = 0
		}
		a, err, _ := from() // nil after the last
		if err != nil {
			return "", err
		}
		b, err, _ := to()
		if err != nil {
			return "", err
		}
		switch {
		case a == nil && b == nil:
			compared(same)
			return "", nil
		case a == nil:
			return b.String() + ", which is in the copy alone", nil
		case b == nil:
			return a.String() + ", which the copy lacks", nil
		case a.collection != b.collection || a.ID != b.ID:
			if b.before(a) {
				a = b
			}
			return a.String() + ", which one of them lacks", nil
		case !bytes.Equal(a.Value, b.Value):
			return a.String() + ", whose values differ", nil
		}
	}
}
