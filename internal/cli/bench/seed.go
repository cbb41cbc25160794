package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
	"github.com/incentives-dev/incentives/plansvc/sample"
)

type seedPlans struct {
	Store   string `required:"" env:"-" placeholder:"URL" help:"The store of a plansvc that does not run, and has no plans, such as pebble:./bench/plansvc."`
	Count   int    `env:"-" default:"20000" help:"How many plans, each of a partner of its own (default ${default})."`
	Waiting int    `env:"-" default:"200" help:"How many of them wait for the review of ana@contoso.com (default ${default})."`
}

// Help is printed below the flags' list by --help.
func (seedPlans) Help() string {
	return `The program is azure, its program year 1 July 2025 to 30 June 2026, each limit USD 10,000 a month. Start the services on it with a
clock in that year:

    incentives bench plans --store pebble:./bench/plansvc --count 20000
    incentives serve --data ./bench --at 2026-05-14T12:00:00Z
    incentives bench ingest`
}

// Run fills an empty store of plansvc.
func (c *seedPlans) Run(ctx context.Context, console *cli.Console) (err error) {
	if c.Count < 1 || c.Waiting < 0 {
		return errors.New("--count is at least 1, and --waiting 0")
	}
	if c.Count > mostPlans {
		return fmt.Errorf("--count is at most %d", mostPlans)
	}
	db, err := storeurl.Open(c.Store, storeurl.Options{Name: "plansvc", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	progress := console.Progress(int64(c.Count), "writing plans")
	defer progress.Done()
	if err := sample.Write(ctx, db, sample.Plans{Count: c.Count, Waiting: c.Waiting, Written: func(n int) { progress.Set(int64(n)) }}); err != nil {
		return err
	}
	console.Printf("%s plans written.\n", cli.Count(int64(c.Count)))
	return nil
}
