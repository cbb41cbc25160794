package limit

import "sync"

// Places are how much of something is taken at once, by each key, such as the address that it is taken for. The zero Places is ready.
type Places struct {
	mu    sync.Mutex
	taken map[string]int
}

// Take takes a place of those that a key may have; ok is false where none is left. It has to be left; to leave it twice is to leave it once.
func (p *Places) Take(key string, most int) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[key] >= most {
		return nil, false
	}
	if p.taken == nil {
		p.taken = map[string]int{}
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
