package redistest

import (
	"sync"
	"testing"
)

// Shared are servers that the tests of a package share, each in a place of its own. They start when they are first asked
// for, and end with Close. The zero value is ready.
type Shared struct {
	mu         sync.Mutex
	standalone *Server
	cluster    *Cluster
}

// Standalone returns the server of all tests, which nobody may kill or pause.
func (s *Shared) Standalone(t testing.TB) *Server {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standalone == nil {
		s.standalone = standalone(t, Options{})
	}
	return s.standalone
}

// Cluster returns the Cluster of all tests, whose nodes nobody may kill or pause.
func (s *Shared) Cluster(t testing.TB) *Cluster {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil {
		// On a busy machine a node may not get its turn for long: no replica shall take that for a failure.
		s.cluster = cluster(t, Options{Lines: []string{"cluster-node-timeout 20000"}})
	}
	return s.cluster
}

// Close ends what was started.
func (s *Shared) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standalone != nil {
		s.standalone.close()
	}
	if s.cluster != nil {
		s.cluster.close()
	}
}
