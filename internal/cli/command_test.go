package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/fault"
)

// try is a command that does what it is told.
type try struct {
	What string `arg:"" enum:"succeed,refuse,refuse-twice,break,part,wait"`
	To   string `default:"nobody"`
	Wait time.Duration
	Many int
}

func (c *try) Run(ctx context.Context, console *cli.Console) error {
	switch c.What {
	case "refuse":
		return fmt.Errorf("wrapped: %w", fault.New(fault.State, "PLAN_STATE", "it is\n\x1b[1mAPPROVED"))
	case "refuse-twice":
		var v fault.Violations
		v.Add("plan.market", "MARKET_UNKNOWN", "is unknown")
		v.Add("plan.etag", "FIELD_REQUIRED", "is required")
		return v.Err()
	case "break":
		return errors.New("disk full")
	case "part":
		console.Notef("two were rejected")
		return cli.ErrPartial
	case "wait":
		return fmt.Errorf("waiting: %w", ctx.Err())
	}
	console.Printf("to %s\n", c.To)
	return nil
}

type grammar struct {
	Try try `cmd:"" help:"Try it."`
}

const tryHint = "Run \"incentives try --help\" to see how it is used.\n"

func TestRun(t *testing.T) {
	tests := []struct {
		name, args, env string
		status          int
		out, err        string
	}{
		{name: "success", args: "try succeed", out: "to nobody\n"},
		{name: "a flag", args: "try succeed --to=me", env: "you", out: "to me\n"},
		{name: "its environment variable", args: "try succeed", env: "you", out: "to you\n"},
		{name: "a refusal", args: "try refuse", status: cli.StatusFailed, err: "incentives: wrapped: it is [1mAPPROVED (PLAN_STATE)\n"},
		{
			name: "several violations", args: "try refuse-twice", status: cli.StatusFailed,
			err: "incentives: 2 things are wrong with the request (INVALID_FIELDS)\n" +
				"  plan.market: is unknown (MARKET_UNKNOWN)\n  plan.etag: is required (FIELD_REQUIRED)\n",
		},
		{name: "another error", args: "try break", status: cli.StatusFailed, err: "incentives: disk full\n"},
		{name: "done in part", args: "try part", status: cli.StatusPartial, err: "two were rejected\n"},
		{name: "interrupted", args: "try wait", status: cli.StatusFailed, err: "incentives: interrupted\n"},
		{
			name: "wrong usage of a command", args: "try succeed --too", status: cli.StatusFailed,
			err: "incentives: unknown flag --too, did you mean \"--to\"?\nRun \"incentives try --help\" to see how it is used.\n",
		},
		{name: "a length of time", args: "try succeed --wait 1m30s --to=me", out: "to me\n"},
		{name: "no length of time", args: "try succeed --wait 5", status: cli.StatusFailed, err: "incentives: --wait: \"5\" is not a length of time such as 10s or 2m\n" + tryHint},
		{name: "one below zero", args: "try succeed --wait=-5s", status: cli.StatusFailed, err: "incentives: --wait: \"-5s\" is not a length of time such as 10s or 2m\n" + tryHint},
		{name: "no number", args: "try succeed --many x", status: cli.StatusFailed, err: "incentives: --many: \"x\" is not a whole number\n" + tryHint},
		{name: "no value at the end", args: "try succeed --to", status: cli.StatusFailed, err: "incentives: --to: a value is missing\n" + tryHint},
		{
			name: "no value before a flag", args: "try succeed --to --wait 1s", status: cli.StatusFailed,
			err: "incentives: --to: a value is missing, or if \"--wait\" is meant, write --to=\"--wait\"\n" + tryHint,
		},
		{
			name: "wrong usage of the whole", args: "pay", status: cli.StatusFailed,
			err: "incentives: unexpected argument pay, did you mean \"try\"?\nRun \"incentives --help\" to see how it is used.\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.env != "" {
				t.Setenv("INCENTIVES_TO", test.env)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			var out, err bytes.Buffer
			status := cli.Run(ctx, &grammar{}, strings.Fields(test.args), &cli.Console{Out: &out, Err: &err})
			if status != test.status || out.String() != test.out || err.String() != test.err {
				t.Errorf("status %d, stdout %q, stderr %q\nwant %d, %q, %q", status, out.String(), err.String(), test.status, test.out, test.err)
			}
		})
	}
}

func TestRunHelps(t *testing.T) {
	var out, err bytes.Buffer
	status := cli.Run(t.Context(), &grammar{}, []string{"--help"}, &cli.Console{Out: &out, Err: &err})
	if status != cli.StatusDone || err.Len() > 0 {
		t.Errorf("status %d, stderr %q; want 0 and nothing", status, err.String())
	}
	for _, want := range []string{"Usage: incentives <command>", "Try it.", "Exit status: 0 all done; 1 failed"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
			t.Errorf("help lacks %q:\n%s", want, out.String())
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestRunFailsWhereTheResultCannotBePrinted(t *testing.T) {
	var err bytes.Buffer
	status := cli.Run(t.Context(), &grammar{}, []string{"try", "succeed"}, &cli.Console{Out: fullDisk{}, Err: &err})
	want := "incentives: the result cannot be printed: no space left on device\n"
	if status != cli.StatusFailed || err.String() != want {
		t.Errorf("status %d, stderr %q; want %d, %q", status, err.String(), cli.StatusFailed, want)
	}
}

func TestProgressIsDrawnOnTerminalsAlone(t *testing.T) {
	work := func(terminal bool) string {
		var err bytes.Buffer
		console := &cli.Console{Out: io.Discard, Err: &err, Terminal: terminal}
		progress := console.Progress(10, "paying")
		progress.Total(20)
		progress.Set(5)
		progress.Notef("line 3 is bad")
		progress.Done()
		return err.String()
	}
	if diff := cmp.Diff("line 3 is bad\n", work(false)); diff != "" {
		t.Errorf("not a terminal (-want +got):\n%s", diff)
	}
	if got := work(true); !strings.Contains(got, "paying") || !strings.Contains(got, "line 3 is bad\n") {
		t.Errorf("on a terminal: %q, want a bar and the message", got)
	}
}
