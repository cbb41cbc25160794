package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/term"
)

// A Console is what a command reads from and prints to.
type Console struct {
	In  io.Reader
	Out io.Writer // results, and nothing else
	Err io.Writer // messages and progress
	// Terminal tells whether Err is a terminal, on which progress is drawn.
	Terminal bool
}

// SystemConsole is the console of this process.
func SystemConsole() *Console {
	return &Console{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd()))}
}

// Printf prints a part of the result.
func (c *Console) Printf(format string, args ...any) {
	fmt.Fprintf(c.Out, format, args...)
}

// Notef prints a message, and ends its line.
func (c *Console) Notef(format string, args ...any) {
	fmt.Fprintf(c.Err, format+"\n", args...)
}

// A checkedWriter remembers that what was printed has not arrived, as on a full
// disk: nobody who reads results may take a part for the whole.
type checkedWriter struct {
	to     io.Writer
	failed error // the first one
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil && w.failed == nil {
		w.failed = err
	}
	return n, err
}

// Plain is text that others wrote, on one line and without what a terminal
// would take for a command.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, text)
}

// PlainJSON is the same JSON without what a terminal would take for a command: that is escaped in it, and so read as it was.
// JSON's own rules leave U+007F to U+009F and marks of direction as they are.
func PlainJSON(line []byte) string {
	var plain strings.Builder
	for _, r := range string(line) {
		if unicode.IsGraphic(r) {
			plain.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&plain, `\u%04x`, unit)
		}
	}
	return plain.String()
}
