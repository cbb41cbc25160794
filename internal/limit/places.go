package limit

import "sync"

// Places are how much of something may be taken at once, by each key, such as the address that it is taken for.
type Places struct {
	most int

	mu    sync.Mutex
	taken map[string]int
}

// NewPlaces has so many places for each key.
func NewPlaces(most int) *Places { return &Places{most: most, taken: map[string]int{}} }

// Take takes a place; ok is false where there is none left. It has to be left, once.
func (p *Places) Take(key string) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[key] >= p.most {
		return nil, false
	}
	p.taken[key]++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.taken[key]--
		if p.taken[key] == 0 {
			delete(p.taken, key)
		}
	}), true
}
