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
	watched    *Watched
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
		s.cluster = cluster(t, Options{})
		for _, node := range s.cluster.Nodes {
			// On a busy machine a node may not get its turn for long: no replica shall take that for a failure.
			if err := node.Client(t).ConfigSet(t.Context(), "cluster-node-timeout", "20000").Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s.cluster
}

// Watched returns the master of all tests, which nobody may kill or pause, nor its replica and Sentinels.
func (s *Shared) Watched(t testing.TB) *Watched {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watched == nil {
		s.watched = watched(t, Options{}, "sentinel down-after-milliseconds "+MasterName+" 20000")
	}
	return s.watched
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
	if s.watched != nil {
		s.watched.close()
	}
}
