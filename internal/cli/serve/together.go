package serve

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// A part is one service of a process.
type part struct {
	name string
	// run serves until ctx is done and all that was in flight is finished. It
	// calls listening once, when its address is bound.
	run func(ctx context.Context, listening func(address string)) error
}

// together runs parts until ctx is done or one of them ends. It starts each when
// the one before listens, and stops them in reverse, each when the one after it
// has finished. It calls listening for each part, and then all, in a goroutine.
// Its error is nil where the parts ended because they were told to, and ended well.
func together(ctx context.Context, parts []part, listening func(name, address string), all func(context.Context)) error {
	over := make(chan *running, len(parts))
	var started []*running
	cause := func() error {
		for _, p := range parts {
			r := start(ctx, p, over)
			started = append(started, r)
			select {
			case address := <-r.bound:
				listening(p.name, address)
			case ended := <-over:
				return ended.early()
			case <-ctx.Done():
				return nil
			}
		}
		watching, stop := context.WithCancel(ctx)
		defer stop()
		go all(watching)
		select {
		case ended := <-over:
			return ended.early()
		case <-ctx.Done():
			return nil
		}
	}()
	for _, r := range slices.Backward(started) {
		r.stop()
		<-r.ended
		cause = cmp.Or(cause, r.err) // the first error is the one to print; the others mostly follow from it
	}
	return cause
}

// running is a part that was started.
type running struct {
	part
	stop  context.CancelFunc
	bound chan string   // its address, once
	ended chan struct{} // closed when run has returned
	err   error         // what it returned
}

// start starts a part, which sends itself to over when it has ended.
func start(ctx context.Context, p part, over chan<- *running) *running {
	// Not told to stop by ctx, but by together, when nothing needs it any more.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{part: p, stop: stop, bound: make(chan string, 1), ended: make(chan struct{})}
	go func() {
		r.err = p.run(ctx, func(address string) { r.bound <- address })
		close(r.ended)
		over <- r
	}()
	return r
}

// early is the error of a part that has ended before it was told to.
func (r *running) early() error {
	if r.err == nil {
		return fmt.Errorf("%s has stopped by itself", r.name)
	}
	return r.err
}
