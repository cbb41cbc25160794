package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/earningcsv"
	"github.com/incentives-dev/incentives/internal/cli/upload"
	"github.com/incentives-dev/incentives/internal/earningtext"
	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// Earnings is the command `earnings`.
type Earnings struct {
	Import importEarnings `cmd:"" help:"Record the earnings of a CSV file."`
	Dead   deadEarnings   `cmd:"" help:"Look after earnings that came in streams and can't be recorded."`
}

type importEarnings struct {
	File     string `arg:"" help:"The CSV file; - is standard input."`
	Rejected string `env:"-" placeholder:"FILE" help:"Where to write the lines that were rejected; the file's name with .rejected behind it when absent."`
	payoutFlags
}

// Help is printed below the flags' list by --help.
func (importEarnings) Help() string {
	return `The first line names the columns, in any order; description can be left out:

    plan,id,amount,currency,earn_time,description
    contoso/azure.coop.fy26,inv-1,1234.50,USD,2026-04-30T17:00:00-07:00,April invoice
    contoso/azure.coop.fy26,inv-1-r,-200,USD,2026-04-30T18:00:00-07:00,reversal

A plan is partner/plan, or the full name partners/…/plans/…; an id is yours, and unique in the plan; an amount
has a point for its decimals, and is negative for a reversal; earn_time has its zone.

Good lines are recorded. A bad one is reported with its number and reason, and written as it stands to
FILE.rejected: mend it there, and import that file. Importing a file again, also one that was interrupted,
changes nothing that is recorded: those lines count as duplicates.

Exit status 2 where lines were rejected, and 1 where the import broke off. With --json the result is one line,
{"recorded":2,"duplicates":0,"rejected":0}.

    incentives earnings import april.csv
    zcat april.csv.gz | incentives earnings import - --rejected april.rejected.csv`
}

// Run imports.
func (c *importEarnings) Run(ctx context.Context, console *cli.Console) error {
	in, size, err := c.open(console)
	if err != nil {
		return err
	}
	defer in.Close()
	payouts, service, err := c.dial()
	if err != nil {
		return err
	}
	defer service.close()
	lines, err := earningcsv.NewReader(in)
	if err != nil {
		return c.unread(err)
	}
	work := &importing{console: console, file: c.File}
	if path := c.rejectedPath(); path != "" {
		if same(path, c.File) {
			return fmt.Errorf("--rejected %s is the file to import itself", path)
		}
		if work.rejects, err = earningcsv.NewRejects(path, lines.Header()); err != nil {
			return err
		}
	}
	work.progress = console.Progress(size, "recording "+c.File)
	upload := upload.Upload[earningcsv.Line]{Client: payouts, Next: work.next(lines), Done: work.done, Timeout: c.Timeout}
	err = upload.Run(ctx)
	work.progress.Done()
	return c.finish(work, service.explain(err))
}

// open opens the file; the size of what is not a file is not known, and -1.
func (c *importEarnings) open(console *cli.Console) (in io.ReadCloser, size int64, err error) {
	if c.File == "-" {
		return io.NopCloser(console.In), -1, nil
	}
	file, err := os.Open(filepath.Clean(c.File))
	if err != nil {
		return nil, 0, c.unread(err)
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		return file, info.Size(), nil
	}
	return file, -1, nil
}

// unread is why the file cannot be read: its name, and the system's reason.
func (c *importEarnings) unread(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	return fmt.Errorf("%s: %w", c.File, err)
}

// same tells whether two paths lead to one file.
func same(path, other string) bool {
	one, err := os.Stat(path)
	if err != nil {
		return false
	}
	two, err := os.Stat(other)
	return err == nil && os.SameFile(one, two)
}

// rejectedPath is where to keep rejected lines, "" where there is no place for them.
func (c *importEarnings) rejectedPath() string {
	if c.Rejected != "" || c.File == "-" {
		return c.Rejected
	}
	return c.File + ".rejected"
}

// finish keeps the rejected lines, and says what became of all.
func (c *importEarnings) finish(work *importing, failed error) error {
	if work.rejects != nil {
		var err error
		work.kept, err = work.rejects.Close()
		failed = errors.Join(failed, err)
	}
	if failed != nil && work.line == 0 {
		return failed
	}
	if failed != nil {
		work.console.Notef("%s: stopped behind line %d: %s recorded, %s duplicates, %s rejected. Importing the file again is safe.",
			c.File, work.line, cli.Count(work.Recorded), cli.Count(work.Duplicates), cli.Count(work.Rejected))
		return failed
	}
	if c.JSON {
		line, err := json.Marshal(work.summary)
		if err != nil {
			return err
		}
		work.console.Printf("%s\n", line)
	} else {
		work.console.Printf("%s: %s recorded, %s duplicates, %s rejected.\n",
			c.File, cli.Count(work.Recorded), cli.Count(work.Duplicates), cli.Count(work.Rejected))
	}
	if work.Rejected == 0 {
		return nil
	}
	if work.kept != "" {
		work.console.Notef("The rejected lines are in %s: mend them there, and import that file.", work.kept)
	} else {
		work.console.Notef("The rejected lines are kept nowhere; --rejected FILE keeps them.")
	}
	return cli.ErrPartial
}

// A summary counts what became of lines. Its JSON is what --json prints.
type summary struct {
	Recorded   int64 `json:"recorded"`
	Duplicates int64 `json:"duplicates"`
	Rejected   int64 `json:"rejected"`
}

// importing is an import under way.
type importing struct {
	summary
	console  *cli.Console
	file     string
	progress *cli.Progress
	rejects  *earningcsv.Rejects // nil where they are kept nowhere
	kept     string              // where they are in the end
	line     int                 // the last one with an outcome
}

func (w *importing) next(lines *earningcsv.Reader) func() (upload.Item[earningcsv.Line], error) {
	return func() (upload.Item[earningcsv.Line], error) {
		line, err := lines.Next()
		return upload.Item[earningcsv.Line]{Earning: line.Earning, Of: line}, err
	}
}

func (w *importing) done(item upload.Item[earningcsv.Line], outcome *payoutv1.EarningOutcome) error {
	line := item.Of
	w.line = max(w.line, line.Number)
	w.progress.Set(line.End)
	switch outcome.GetState() {
	case payoutv1.EarningOutcome_RECORDED:
		w.Recorded++
		return nil
	case payoutv1.EarningOutcome_DUPLICATE:
		w.Duplicates++
		return nil
	default: // rejected, by the service or before
	}
	w.Rejected++
	refusal := line.Err
	if refusal == nil {
		refusal = upload.Refusal(outcome)
	}
	w.progress.Notef("%s:%d: %s", w.file, line.Number, reasons(item.Earning, refusal))
	if w.rejects != nil {
		w.rejects.Add(line.Text)
	}
	return nil
}

// reasons is what is wrong with a line, all of it on one line.
func reasons(earning *payoutv1.Earning, err error) string {
	err = earningtext.InFields(earning, err)
	refusal, ok := errors.AsType[*fault.Error](err)
	if !ok || len(refusal.Fields) == 0 {
		return cli.Sentence(err)
	}
	all := make([]string, len(refusal.Fields))
	for i, field := range refusal.Fields {
		all[i] = fmt.Sprintf("%s: %s (%s)", field.Path, cli.Plain(field.Message), field.Reason)
	}
	return strings.Join(all, "; ")
}
