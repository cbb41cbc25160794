package gateway

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

// Turns are for reading large texts, which takes longer than most calls. Anybody may send some, since it is the service that asks who a caller
// is, behind this. So few are read at once, and sources that wait have one each in their turn.
type turns struct {
	mu      sync.Mutex
	free    int                        // how many more may be read now
	waiting map[string][]chan struct{} // by source, in their order
	order   []string                   // of the sources that wait
}

// newTurns leaves half of the processors to everything else.
func newTurns() *turns {
	return &turns{free: max(1, runtime.GOMAXPROCS(0)/2), waiting: map[string][]chan struct{}{}}
}

// take waits for the turn of a text of so many bytes, of the request that ctx is of. When it has been read, leave has to be called, once.
// Small ones don't wait. The error is that of ctx.
func (t *turns) take(ctx context.Context, size int) (leave func(), err error) {
	if size <= smallBody {
		return func() {}, nil
	}
	source, _ := ctx.Value(sourceKey{}).(string)
	turn := t.queue(source)
	select {
	case <-turn:
		return t.leave, nil
	case <-ctx.Done():
		t.giveUp(source, turn)
		return nil, ctx.Err()
	}
}

// queue puts a text of a source in line, and returns what is closed when its turn begins.
func (t *turns) queue(source string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn := make(chan struct{})
	if len(t.waiting[source]) == 0 {
		t.order = append(t.order, source)
	}
	t.waiting[source] = append(t.waiting[source], turn)
	t.next()
	return turn
}

// next begins the turns that may. The turns are locked.
func (t *turns) next() {
	for ; t.free > 0 && len(t.order) > 0; t.free-- {
		source := t.order[0]
		turn := t.waiting[source][0]
		t.remove(source, 0)
		if len(t.waiting[source]) > 0 { // behind the others
			t.order = append(t.order[1:], source)
		}
		close(turn)
	}
}

// remove takes one of a source out, and the source when that was all. The turns are locked.
func (t *turns) remove(source string, at int) {
	t.waiting[source] = slices.Delete(t.waiting[source], at, at+1)
	if len(t.waiting[source]) == 0 {
		delete(t.waiting, source)
		t.order = slices.DeleteFunc(t.order, func(s string) bool { return s == source })
	}
}

func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	t.next()
}

// giveUp is for one that waits no more. Its turn may have begun meanwhile.
func (t *turns) giveUp(source string, turn chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := slices.Index(t.waiting[source], turn); at >= 0 {
		t.remove(source, at)
		return
	}
	t.free++
	t.next()
}
