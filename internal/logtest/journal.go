// Package logtest keeps for tests what is logged.
package logtest

import (
	"bytes"
	"strings"
	"sync"
)

// A Journal keeps what is written to it, by any number of goroutines, and can be read meanwhile.
type Journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *Journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

// String is all of it.
func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Clear forgets all of it.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Reset()
}

// Lines are those that hold a text.
func (j *Journal) Lines(holding string) []string {
	var lines []string
	for line := range strings.Lines(j.String()) {
		if strings.Contains(line, holding) {
			lines = append(lines, line)
		}
	}
	return lines
}

// Count is how often a text stands in it.
func (j *Journal) Count(text string) int { return strings.Count(j.String(), text) }
