package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/earningtext"
	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
)

// deadEarnings is the command `earnings dead`.
type deadEarnings struct {
	List  listDead  `cmd:"" help:"List earnings from streams that can't be recorded, with the reason of each."`
	Retry retryDead `cmd:"" help:"Put such earnings back into their streams, to be recorded after all."`
}

// streamFlags say where the streams of earnings are.
type streamFlags struct {
	Streams string `required:"" placeholder:"URL" help:"The Redis that earnings are recorded from, as a URL, such as redis://127.0.0.1:6379."`
}

// letters is how many dead letters are read at once.
const letters = 500

// each calls fn with the dead letters that there are now, oldest first, until it returns false. What becomes one
// meanwhile is left out, so that what is put back does not come round and round.
func (f streamFlags) each(ctx context.Context, fn func(q queue.Queue, d queue.Dead) (more bool, err error)) error {
	client, prefix, err := redisstore.Dial(f.Streams, nil)
	if err != nil {
		return fmt.Errorf("--streams: %w", err)
	}
	defer client.Close()
	q := queue.Queue{Client: client, Prefix: prefix, Name: earningtext.Queue}
	last, err := q.LastDead(ctx)
	if err != nil {
		return fmt.Errorf("the dead letters can't be read: %w", err)
	}
	for after := ""; after != last; {
		page, err := q.Dead(ctx, after, last, letters)
		if err != nil {
			return fmt.Errorf("the dead letters can't be read: %w", err)
		}
		for _, d := range page {
			if more, err := fn(q, d); err != nil || !more {
				return err
			}
			after = d.ID
		}
		if len(page) < letters {
			return nil
		}
	}
	return nil
}

type listDead struct {
	streamFlags
	limitFlag
	JSON bool `env:"-" help:"Print JSON for programs, one earning on each line, instead of a table for people."`
}

// Help is printed below the flags' list by --help.
func (listDead) Help() string {
	return `An earning that came in a stream and can't be recorded is a dead letter: its plan is not known, its amount has too
many digits, its id is recorded with other content. Nothing else is held up by it.

    incentives earnings dead list --streams redis://127.0.0.1:6379`
}

// Run lists.
func (c *listDead) Run(ctx context.Context, console *cli.Console) error {
	table := &cli.Table{Columns: []cli.Column{
		{Title: "Letter"}, {Title: "Plan"}, {Title: "Earning"}, {Title: "Amount", Right: true}, {Title: "Earned"}, {Title: "Reason"}, {Title: "Why"},
	}}
	listed, more := 0, false
	err := c.each(ctx, func(_ queue.Queue, d queue.Dead) (bool, error) {
		if more = c.Limit > 0 && listed == c.Limit; more {
			return false, nil
		}
		listed++
		if c.JSON {
			return true, printDead(console, d)
		}
		f := d.Entry.Fields
		table.Add(d.ID, f[earningtext.Plan], f[earningtext.ID], f[earningtext.Currency]+" "+f[earningtext.Amount], f[earningtext.EarnTime], d.Reason, d.Message)
		return true, nil
	})
	if err != nil {
		return err
	}
	if !c.JSON {
		table.Print(console, "No dead letters.")
	}
	noteMore(console, more, c.Limit)
	return nil
}

// printDead prints a dead letter as one line of JSON.
func printDead(console *cli.Console, d queue.Dead) error {
	line, err := json.Marshal(map[string]any{
		"letter": d.ID, "reason": d.Reason, "message": d.Message, "stream": d.Entry.Stream, "entry": d.Entry.ID, "fields": d.Entry.Fields,
	})
	if err != nil {
		return err
	}
	console.Printf("%s\n", cli.PlainJSON(line))
	return nil
}

type retryDead struct {
	Letter []string `arg:"" optional:"" help:"Which ones, as the list has them."`
	All    bool     `env:"-" help:"All that there are."`
	Reason string   `env:"-" placeholder:"REASON" help:"All that have this reason, such as PLAN_NOT_FOUND."`
	streamFlags
}

// Help is printed below the flags' list by --help.
func (retryDead) Help() string {
	return `Mend what was wrong first: submit the plan, say. What still can't be recorded becomes a dead letter again. Retrying one
twice is harmless, since an earning is recorded once.

    incentives earnings dead retry --reason PLAN_NOT_FOUND --streams redis://127.0.0.1:6379
    incentives earnings dead retry 1777616999000-0 --streams redis://127.0.0.1:6379`
}

// Run retries.
func (c *retryDead) Run(ctx context.Context, console *cli.Console) error {
	if len(c.Letter) == 0 && !c.All && c.Reason == "" {
		return errors.New("say which ones: their letters, --reason REASON, or --all")
	}
	left, wholly := slices.Clone(c.Letter), true
	retried := int64(0)
	err := c.each(ctx, func(q queue.Queue, d queue.Dead) (bool, error) {
		named := slices.Contains(left, d.ID)
		if !named && !c.All && (c.Reason == "" || c.Reason != d.Reason) {
			return true, nil
		}
		left = slices.DeleteFunc(left, func(letter string) bool { return letter == d.ID }) // it may be named twice
		err := q.Retry(ctx, d)
		switch {
		case errors.Is(err, queue.ErrNowhere):
			wholly = false
			console.Notef("incentives: %s can't be put back: %v", d.ID, err)
		case err != nil:
			return false, fmt.Errorf("%s can't be put back: %w", d.ID, err)
		default:
			retried++
		}
		return len(left) > 0 || c.All || c.Reason != "", nil
	})
	if err != nil {
		return err
	}
	console.Printf("%s put back.\n", cli.Count(retried))
	for _, letter := range left {
		wholly = false
		console.Notef("incentives: there is no dead letter %s", letter)
	}
	if !wholly {
		return cli.ErrPartial
	}
	return nil
}
