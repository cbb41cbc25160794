package redistest

import (
	"bytes"
	"strings"
	"sync"
)

// A log keeps what a server says, and notes when it says that it is ready.
type log struct {
	mark  string
	ready chan struct{} // closed when mark was said

	mu   sync.Mutex
	said bytes.Buffer // under mu
	once sync.Once
}

func newLog(mark string) *log { return &log{mark: mark, ready: make(chan struct{})} }

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.said.Write(p)
	if strings.Contains(l.said.String(), l.mark) {
		l.once.Do(func() { close(l.ready) })
	}
	return n, err
}

// String returns all that was said.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.String()
}
