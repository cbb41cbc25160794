package limit

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

// Turns are for what takes a processor for longer than most calls, and what anybody may ask for: to read a large text, say. So little of it is
// worked on at once, and keys that wait, such as callers, have one turn each, one after another.
type Turns struct {
	mu      sync.Mutex
	free    int                        // how many more may begin now
	waiting map[string][]chan struct{} // by key, in their order
	order   []string                   // of the keys that wait
}

// NewTurns leaves half of the processors to everything else.
func NewTurns() *Turns {
	return &Turns{free: max(1, runtime.GOMAXPROCS(0)/2), waiting: map[string][]chan struct{}{}}
}

// Take waits for a turn of a key. When the work is done, leave has to be called, once. The error is that of ctx.
func (t *Turns) Take(ctx context.Context, key string) (leave func(), err error) {
	turn := t.queue(key)
	select {
	case <-turn:
		return t.leave, nil
	case <-ctx.Done():
		t.giveUp(key, turn)
		return nil, ctx.Err()
	}
}

// queue puts a key in line, and returns what is closed when its turn begins.
func (t *Turns) queue(key string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn := make(chan struct{})
	if len(t.waiting[key]) == 0 {
		t.order = append(t.order, key)
	}
	t.waiting[key] = append(t.waiting[key], turn)
	t.next()
	return turn
}

// next begins the turns that may. The turns are locked.
func (t *Turns) next() {
	for ; t.free > 0 && len(t.order) > 0; t.free-- {
		key := t.order[0]
		turn := t.waiting[key][0]
		t.remove(key, 0)
		if len(t.waiting[key]) > 0 { // behind the others
			t.order = append(t.order[1:], key)
		}
		close(turn)
	}
}

// remove takes one of a key out, and the key when that was all. The turns are locked.
func (t *Turns) remove(key string, at int) {
	t.waiting[key] = slices.Delete(t.waiting[key], at, at+1)
	if len(t.waiting[key]) == 0 {
		delete(t.waiting, key)
		t.order = slices.DeleteFunc(t.order, func(s string) bool { return s == key })
	}
}

func (t *Turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	t.next()
}

// giveUp is for one that waits no more. Its turn may have begun meanwhile.
func (t *Turns) giveUp(key string, turn chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := slices.Index(t.waiting[key], turn); at >= 0 {
		t.remove(key, at)
		return
	}
	t.free++
	t.next()
}
