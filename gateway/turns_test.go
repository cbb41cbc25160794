package gateway

import (
	"context"
	"slices"
	"testing"
)

// Large texts are read few at once, those of each source in its turn; small ones do not wait, and who goes leaves nothing behind.
func TestTurns(t *testing.T) {
	turns := newTurns()
	turns.free = 1
	of := func(source string) context.Context { return context.WithValue(t.Context(), sourceKey{}, source) }
	leave, err := turns.take(of("first"), smallBody+1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := turns.take(of("small"), smallBody); err != nil {
		t.Errorf("a small text while a large one is read: %v", err)
	}
	gone, cancel := context.WithCancel(of("gone"))
	cancel()
	if _, err := turns.take(gone, smallBody+1); err == nil {
		t.Error("a request that has gone has its turn")
	}
	var order []string
	waiting := map[string][]chan struct{}{}
	for _, source := range []string{"many", "many", "many", "few", "other", "many"} {
		waiting[source] = append(waiting[source], turns.queue(source))
	}
	last := waiting["many"][3]
	turns.giveUp("many", last)
	for range 5 {
		leave()
		leave = turns.leave
		for source, its := range waiting {
			for i, turn := range its {
				select {
				case <-turn:
					order = append(order, source)
					waiting[source] = slices.Delete(its, i, i+1)
				default:
					continue
				}
				break
			}
		}
	}
	if want := []string{"many", "few", "other", "many", "many"}; !slices.Equal(order, want) {
		t.Errorf("turns: %v, want %v", order, want)
	}
	begun := turns.queue("late") // it waits, and gives up when its turn has begun
	leave()
	<-begun
	turns.giveUp("late", begun)
	if turns.free != 1 || len(turns.order) != 0 || len(turns.waiting) != 0 {
		t.Errorf("in the end %d are free, and wait: %v, %v", turns.free, turns.order, turns.waiting)
	}
}
