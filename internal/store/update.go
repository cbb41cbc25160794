package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// attempts bounds how often work that conflicts is run. With the pauses between, 32 writers of
	// one key all get through with much to spare.
	attempts = 100

	firstPause   = time.Millisecond
	longestPause = 64 * time.Millisecond
)

// Read says what an [Update] reads and depends on.
type Read struct {
	Partition Partition
	Keys      []Key
}

// Update changes the store by a pure function: it gets the keys of read in one moment, lets fn fill an
// empty batch on the strength of their values (nil where absent), and commits that on the condition
// that all of them still stand. On conflict it starts over, as [Retry] does, so fn runs again, on new
// values. Fn must not change the values. If it writes nothing, nothing is committed.
//
// An error of fn ends the update and is returned as it is; nothing is changed then. Otherwise the errors are
// those of DB.Get and DB.Commit; ErrConflict after the last attempt.
func Update(ctx context.Context, db DB, read Read, fn func(values [][]byte, b *Batch) error) error {
	var b Batch
	return Retry(ctx, func() error {
		version := db.Version(read.Partition)
		values, err := db.Get(ctx, read.Partition, read.Keys...)
		if err != nil {
			return err
		}
		b.Reset()
		if err := fn(values, &b); err != nil || b.Len() == 0 {
			return err
		}
		if len(b.Conditions()) == 0 { // else fn knows of what was read at another time
			b.SetReadVersion(version)
		}
		for i, key := range read.Keys {
			b.Require(key, values[i])
		}
		return db.Commit(ctx, read.Partition, &b)
	})
}

// Retry runs fn until it returns something other than ErrConflict, up to 100 times, with a random
// pause that grows from 1 to 64 milliseconds in between, and returns its last error. It is for work that
// reads more than keys known beforehand; else use [Update]. A context that is done during a pause
// ends it with the context's error.
func Retry(ctx context.Context, fn func() error) error {
	pause := firstPause
	for range attempts - 1 {
		if err := fn(); !errors.Is(err, ErrConflict) {
			return err
		}
		paused, cancel := context.WithTimeout(ctx, rand.N(pause))
		<-paused.Done()
		cancel()
		if err := ctx.Err(); err != nil {
			return err
		}
		pause = min(2*pause, longestPause)
	}
	return fn()
}
