package limit

import (
	"context"
	"slices"
	"testing"
)

// Few have their turn at once, those of each key one after another, and who goes leaves nothing behind.
func TestTurns(t *testing.T) {
	turns := NewTurns()
	turns.free = 1
	leave, err := turns.Take(t.Context(), "first")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Take(gone, "gone"); err == nil {
		t.Error("who has gone has a turn")
	}
	var order []string
	waiting := map[string][]chan struct{}{}
	for _, key := range []string{"many", "many", "many", "few", "other", "many"} {
		waiting[key] = append(waiting[key], turns.queue(key))
	}
	last := waiting["many"][3]
	turns.giveUp("many", last)
	for range 5 {
		leave()
		leave = turns.leave
		for key, its := range waiting {
			for i, turn := range its {
				select {
				case <-turn:
					order = append(order, key)
					waiting[key] = slices.Delete(its, i, i+1)
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
