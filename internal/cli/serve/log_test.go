package serve

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/incentives-dev/incentives/internal/logtest"
)

// A slowReader is a standard error of which nothing is read until its gate is open.
type slowReader struct {
	gate chan struct{}
	logtest.Journal
}

func (r *slowReader) Write(line []byte) (int, error) {
	<-r.gate
	return r.Journal.Write(line)
}

func TestLossyWriter(t *testing.T) {
	for name, written := range map[string]int{"nothing": 0, "a line": 1, "as much as may wait": 1 + linesAhead, "more": 3 * linesAhead} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader := &slowReader{gate: make(chan struct{})}
				w := newLossyWriter(reader)
				for i := range written {
					if n, err := fmt.Fprintf(w, "line %d\n", i); n == 0 || err != nil {
						t.Fatalf("line %d: %d, %v", i, n, err)
					}
					synctest.Wait() // the first one is on its way to the reader, the others wait
				}
				close(reader.gate)
				w.flush()
				kept := min(written, 1+linesAhead)
				if got := reader.Count("line "); got != kept {
					t.Errorf("%d of %d lines arrived, want %d", got, written, kept)
				}
				for i := range kept {
					if want := fmt.Sprintf("line %d\n", i); reader.Count(want) != 1 {
						t.Fatalf("%q is not there once: it is the first lines that are kept", want)
					}
				}
				lost := reader.Lines("lines were lost")
				if kept == written && len(lost) == 0 {
					return
				}
				if want := fmt.Sprintf(" lines=%d\n", written-kept); len(lost) != 1 || !strings.HasSuffix(lost[0], want) {
					t.Errorf("of the lines that were lost it says %q, want one line that ends in %q", lost, want)
				}
			})
		})
	}
}

// A reader who does not come back holds up the end of a process for a second, and what is logged then not at all.
func TestLossyWriter_EndsWithoutAReader(t *testing.T) {
	for name, written := range map[string]int{"with room": 2, "full": 2 * linesAhead} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader := &slowReader{gate: make(chan struct{})}
				defer close(reader.gate)
				w := newLossyWriter(reader)
				for range written {
					fmt.Fprintln(w, "a line")
				}
				began := time.Now()
				w.flush()
				if took := time.Since(began); took != flushTime {
					t.Errorf("it waited %s, want %s", took, flushTime)
				}
				fmt.Fprintln(w, "too late")
			})
		})
	}
}
