package ledger

// Crowd has as many single calls wait as may.
func (l *Ledger) Crowd() {
	l.single.mu.Lock()
	defer l.single.mu.Unlock()
	l.single.waiting = singlesRoom
}

// Joined is how many single earnings wait to be recorded together, and BatchesJoined how many of batches.
func (l *Ledger) Joined() int        { return l.single.joined() }
func (l *Ledger) BatchesJoined() int { return l.batches.joined() }

func (l *Line) joined() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}
