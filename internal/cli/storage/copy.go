// Package storage is the command `store`: for the operator of a store, and not for whoever uses the services.
package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/storecopy"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
)

// Store is the command `store`.
type Store struct {
	Copy copyStore `cmd:"" help:"Copy a service's store into another one, such as from this machine to Redis."`
}

type copyStore struct {
	From    string `required:"" env:"-" placeholder:"URL" help:"The store to copy, as the service's --store says it."`
	To      string `required:"" env:"-" placeholder:"URL" help:"The store to copy to: an empty one, or one that an earlier copy has begun."`
	Service string `required:"" env:"-" enum:"plansvc,payoutsvc" placeholder:"NAME" help:"Whose store it is: plansvc or payoutsvc. In Redis its keys begin so."`
}

// Help is printed below the flags' list by --help.
func (copyStore) Help() string {
	return `Stop the service first, and start it with the new --store when the copy is done: it is when this command says so, after it has
read both stores and found them to be the same. A copy that was interrupted goes on where it stood when it is run again;
running it again after the end only compares. What was copied from stays as it is.

    incentives store copy --service plansvc --from pebble:./incentives-data/plansvc --to redis://127.0.0.1:6379
    incentives store copy --service payoutsvc --from redis+cluster://10.0.0.1,10.0.0.2 --to pebble:/var/lib/incentives/payoutsvc`
}

// Run copies.
func (c *copyStore) Run(ctx context.Context, console *cli.Console) (err error) {
	if c.From == c.To {
		return errors.New("--from and --to are the same store")
	}
	log := slog.New(slog.NewTextHandler(console.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	from, err := storeurl.Open(c.From, storeurl.Options{Name: c.Service, MustExist: true, Log: log})
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if n := storeurl.Partitions(c.To); n != 0 && n != from.Partitions() { // before a store is made there
		return fmt.Errorf("--to: %w: its URL asks for %d, and the store to copy has %d", store.ErrPartitions, n, from.Partitions())
	}
	to, err := storeurl.Open(c.To, storeurl.Options{Name: c.Service, Partitions: from.Partitions(), Log: log})
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	entries, err := run(ctx, console, from, to)
	if err != nil {
		return err
	}
	console.Printf("Both stores hold the same %s entries.\n", cli.Count(entries))
	return nil
}

// run copies, and shows how far it is.
func run(ctx context.Context, console *cli.Console, from, to store.DB) (int64, error) {
	var shown storecopy.Step
	progress := console.Progress(-1, string(storecopy.Counting))
	defer func() { progress.Done() }()
	work := storecopy.Copy{From: from, To: to, Progress: func(step storecopy.Step, done, total int64) {
		if step != shown && step != storecopy.Counting {
			progress.Done()
			progress = console.Progress(total, string(step))
		}
		shown = step
		progress.Set(done)
	}}
	return work.Run(ctx)
}
