package serve

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/incentives-dev/incentives/internal/cli"
)

// logFlag says how much a service reports, on standard error.
type logFlag struct {
	LogLevel level `default:"info" placeholder:"LEVEL" help:"What to report on standard error: debug, info, warn or error (default ${default})."`
}

// logger reports, and never waits for who reads. Call flush at the end.
func (f logFlag) logger(console *cli.Console) (log *slog.Logger, flush func()) {
	lines := newLossyWriter(console.Err)
	return slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: f.LogLevel.Level})), lines.flush
}

// A level is how much to report, in a flag.
type level struct{ slog.Level }

// UnmarshalText reads the word for a level, and says so where it cannot.
func (l *level) UnmarshalText(text []byte) error {
	if err := l.Level.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is not debug, info, warn or error", text)
	}
	return nil
}

const (
	// linesAhead is how many lines wait for a reader who is slow.
	linesAhead = 1024
	// flushTime is how long a process that ends waits for that reader.
	flushTime = time.Second
)

// A lossyWriter keeps lines for a reader who is slow, and loses the rest, with a line that says how many: one who stopped reading, such
// as a collector of logs that hangs, would else hold up every call of which something is logged, and the end of the process.
type lossyWriter struct {
	to      io.Writer
	own     *slog.Logger // to the same reader
	lines   chan []byte
	lost    atomic.Int64
	ending  chan struct{}
	flushed chan struct{}
}

func newLossyWriter(to io.Writer) *lossyWriter {
	w := &lossyWriter{
		to: to, own: slog.New(slog.NewTextHandler(to, nil)), lines: make(chan []byte, linesAhead),
		ending: make(chan struct{}), flushed: make(chan struct{}),
	}
	go w.run()
	return w
}

// Write takes one line; it does not fail.
func (w *lossyWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- bytes.Clone(line):
	default:
		w.lost.Add(1)
	}
	return len(line), nil
}

func (w *lossyWriter) run() {
	defer close(w.flushed)
	for {
		select {
		case line := <-w.lines:
			w.pass(line)
		case <-w.ending:
			for len(w.lines) > 0 {
				w.pass(<-w.lines)
			}
			return
		}
	}
}

func (w *lossyWriter) pass(line []byte) {
	_, _ = w.to.Write(line) // there is nowhere else to say that it failed
	if lost := w.lost.Swap(0); lost > 0 {
		w.own.Warn("standard error was not read in time, and lines were lost", "lines", lost)
	}
}

// flush ends it: it waits for what was written, for as long as a reader may be slow. What is written later is lost.
func (w *lossyWriter) flush() {
	close(w.ending)
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	select {
	case <-w.flushed:
	case <-ctx.Done():
	}
}
