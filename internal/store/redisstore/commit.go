package redisstore

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/incentives-dev/incentives/internal/store"
)

// Commit implements store.DB.
func (db *DB) Commit(ctx context.Context, p store.Partition, b *store.Batch) error {
	if err := db.enter(ctx, p); err != nil {
		return err
	}
	defer db.exit()
	plan, err := planOf(b)
	if err != nil || len(plan.collections) == 0 {
		return err
	}
	answer, err := db.run(ctx, p, plan.call(db, p))
	if err != nil {
		return err
	}
	switch verdict(answer) {
	case applied:
		return plan.impossible
	case conflict:
		return store.ErrConflict
	case notNumber:
		return store.ErrNotNumber
	case overflow:
		return store.ErrOverflow
	}
	return unavailable(fmt.Errorf("%v is no answer of a commit", answer))
}

// What commit.lua answers.
const (
	applied = iota
	conflict
	notNumber
	overflow
)

func verdict(answer any) int64 {
	n, ok := answer.(int64)
	if !ok {
		return -1
	}
	return n
}

// A plan is a batch as commit.lua takes it: what is done to each key, in the end.
type plan struct {
	collections []string
	parts       map[string]*part
	adds        []addition
	// impossible is why the batch can't be applied, whatever is stored, unless it fails before: then it is tried as
	// far as that, and what it adds is taken back.
	impossible error
}

// An addition adds to counters of one collection that the batch has not put or deleted before.
type addition struct {
	in     *part
	ids    []string
	deltas []int64
}

// A part is what a plan does in one collection.
type part struct {
	place  int // of its hash in KEYS of commit.lua, which begin with two others
	absent []string
	equal  []string
	values [][]byte // that equal have
	order  []string // of ids in final
	final  map[string]*write
}

// A write is the last Put or Delete of a key, and what was added after it.
type write struct {
	deleted bool
	value   []byte
}

func planOf(b *store.Batch) (*plan, error) {
	p := &plan{parts: map[string]*part{}}
	for i := range b.Conditions() {
		c := &b.Conditions()[i]
		part, err := p.part(c.Key.Collection)
		if err != nil {
			return nil, err
		}
		if c.Value == nil {
			part.absent = append(part.absent, c.Key.ID)
		} else {
			part.equal, part.values = append(part.equal, c.Key.ID), append(part.values, c.Value)
		}
	}
	for i := range b.Writes() {
		w := &b.Writes()[i]
		part, err := p.part(w.Key.Collection)
		if err != nil {
			return nil, err
		}
		if p.impossible == nil {
			p.impossible = p.write(part, w)
		}
	}
	return p, nil
}

func (p *plan) part(collection string) (*part, error) {
	if found := p.parts[collection]; found != nil {
		return found, nil
	}
	if err := store.CheckCollection(collection); err != nil {
		return nil, err
	}
	made := &part{place: 2*len(p.collections) + 3, final: map[string]*write{}}
	p.parts[collection] = made
	p.collections = append(p.collections, collection)
	return made, nil
}

// write takes in the next write of a key. What is added after a Put or a Delete is added here.
func (p *plan) write(in *part, w *store.Write) error {
	last := in.final[w.Key.ID]
	if w.Kind == store.WriteAdd {
		if last == nil {
			p.add(in, w)
			return nil
		}
		return last.add(w.Delta)
	}
	if last == nil {
		last = &write{}
		in.final[w.Key.ID] = last
		in.order = append(in.order, w.Key.ID)
	}
	*last = write{deleted: w.Kind == store.WriteDelete, value: w.Value}
	return nil
}

// add takes in an addition, with the one before if that is to the same collection.
func (p *plan) add(in *part, w *store.Write) {
	last := len(p.adds) - 1
	if last < 0 || p.adds[last].in != in {
		p.adds = append(p.adds, addition{in: in})
		last++
	}
	a := &p.adds[last]
	a.ids, a.deltas = append(a.ids, w.Key.ID), append(a.deltas, w.Delta)
}

// add adds to what was put or deleted before in the same batch.
func (w *write) add(delta int64) error {
	var n int64
	if !w.deleted {
		var err error
		if n, err = strconv.ParseInt(string(w.value), 10, 64); err != nil || strconv.FormatInt(n, 10) != string(w.value) {
			return store.ErrNotNumber
		}
	}
	if delta > 0 && n > math.MaxInt64-delta || delta < 0 && n < math.MinInt64-delta {
		return store.ErrOverflow
	}
	*w = write{value: strconv.AppendInt(nil, n+delta, 10)}
	return nil
}

// call is the plan as commit.lua takes it.
func (p *plan) call(db *DB, at store.Partition) call {
	c := call{script: db.scripts.commit, keys: []string{db.tag(at)}, writes: true}
	for _, collection := range p.collections {
		values := db.valuesKey(at, collection)
		c.keys = append(c.keys, values, idsKey(values))
	}
	for _, collection := range p.collections {
		part := p.parts[collection]
		c.args = appendStrings(append(c.args, len(part.absent)), part.absent)
		c.args = appendStrings(append(c.args, len(part.equal)), part.equal)
		for _, value := range part.values {
			c.args = append(c.args, value)
		}
	}
	c.args = append(c.args, len(p.adds))
	for _, a := range p.adds {
		c.args = appendStrings(append(c.args, a.in.place, len(a.ids)), a.ids)
		for _, delta := range a.deltas {
			c.args = append(c.args, delta)
		}
	}
	if p.impossible != nil {
		c.args = append(c.args, 0)
		return c
	}
	c.args = append(c.args, 1)
	for _, collection := range p.collections {
		c.args = p.parts[collection].appendWrites(c.args)
	}
	return c
}

func (p *part) appendWrites(args []any) []any {
	var marked, put, deleted []string
	for _, id := range p.order {
		switch w := p.final[id]; {
		case w.deleted:
			deleted = append(deleted, id)
		case len(w.value) == 0:
			marked = append(marked, id)
		default:
			put = append(put, id)
		}
	}
	args = appendStrings(append(args, len(marked)), marked)
	args = append(args, len(put))
	for _, id := range put {
		args = append(args, id, p.final[id].value)
	}
	return appendStrings(append(args, len(deleted)), deleted)
}

func appendStrings(args []any, texts []string) []any {
	for _, text := range texts {
		args = append(args, text)
	}
	return args
}
