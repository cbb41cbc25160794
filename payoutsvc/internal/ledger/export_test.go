package ledger

// Crowd has as many single calls wait as may.
func (l *Ledger) Crowd() {
	l.single.mu.Lock()
	defer l.single.mu.Unlock()
	l.single.joined = mostJoined
}

// Joined is how many single calls wait to be recorded together.
func (l *Ledger) Joined() int {
	l.single.mu.Lock()
	defer l.single.mu.Unlock()
	if l.single.open == nil {
		return 0
	}
	return len(l.single.open.entries)
}
