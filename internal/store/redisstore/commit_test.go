package redisstore_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// TestCommitOfMany goes around how much commit.lua handles at once: 1,000 ids, or 500 with their values.
func TestCommitOfMany(t *testing.T) {
	for _, n := range []int{1, 499, 500, 501, 999, 1000, 1001, 2500} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			db := mustOpen(t, shared.Standalone(t).Place())
			key := func(collection string, i int) store.Key {
				return store.Key{Collection: collection, ID: fmt.Sprintf("%06d", i)}
			}
			var first, second store.Batch
			for i := range n {
				for _, in := range []string{"a", "b"} {
					first.RequireAbsent(key(in, i))
					first.Put(key(in, i), fmt.Appendf(nil, "%s %d", in, i))
					first.Add(key(in+"_sum", i), int64(i))

					second.Require(key(in, i), fmt.Appendf(nil, "%s %d", in, i))
					second.RequireAbsent(key(in+"_new", i))
					second.Delete(key(in, i))
					second.Put(key(in+"_new", i), nil)
					second.Add(key(in+"_sum", i), 1)
				}
			}
			for _, b := range []*store.Batch{&first, &second} {
				stale := *b
				stale.Require(key("b", n-1), []byte("something else"))
				if err := db.Commit(t.Context(), 1, &stale); !errors.Is(err, store.ErrConflict) {
					t.Errorf("when the last condition does not hold: got error %v, want %v", err, store.ErrConflict)
				}
				if err := db.Commit(t.Context(), 1, b); err != nil {
					t.Fatal(err)
				}
			}
			for _, in := range []string{"a", "b"} {
				want := map[string][]store.Entry{in: nil}
				for i := range n {
					id := key("", i).ID
					want[in+"_new"] = append(want[in+"_new"], store.Entry{ID: id, Value: []byte{}})
					want[in+"_sum"] = append(want[in+"_sum"], store.Entry{ID: id, Value: fmt.Append(nil, i+1)})
				}
				for collection, want := range want {
					got, err := db.Scan(t.Context(), 1, collection, "", n+1)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("collection %s (-want +got):\n%s", collection, diff)
					}
				}
			}
		})
	}
}

// A place is a store in the shared server, and its keys by hand.
type place struct {
	t      *testing.T
	db     store.DB
	prefix string
}

func newPlace(t *testing.T) place {
	t.Helper()
	url := shared.Standalone(t).Place()
	_, prefix, _ := strings.Cut(url, "prefix=")
	return place{t: t, db: mustOpen(t, url), prefix: prefix}
}

// held is all keys of the store, and what they hold.
func (p place) held() map[string]any {
	p.t.Helper()
	client, ctx, held := shared.Standalone(p.t).Client(p.t), p.t.Context(), map[string]any{}
	for _, key := range client.Keys(ctx, p.prefix+":*").Val() {
		switch client.Type(ctx, key).Val() {
		case "hash":
			held[key] = client.HGetAll(ctx, key).Val()
		case "zset":
			held[key] = client.ZRange(ctx, key, 0, -1).Val()
		case "set":
			held[key] = sorted(client.SMembers(ctx, key).Val())
		case "string":
			held[key] = client.Get(ctx, key).Val()
		}
	}
	return held
}

// wantUnchanged fails unless a commit fails as it should, and changes nothing.
func (p place) wantUnchanged(b *store.Batch, want error) {
	p.t.Helper()
	before := p.held()
	if err := p.db.Commit(p.t.Context(), 1, b); !errors.Is(err, want) {
		p.t.Errorf("commit: got error %v, want %v", err, want)
	}
	if diff := cmp.Diff(before, p.held()); diff != "" {
		p.t.Errorf("a commit that failed has changed something (-before +after):\n%s", diff)
	}
}

func (p place) commit(fill func(b *store.Batch)) {
	p.t.Helper()
	var b store.Batch
	fill(&b)
	if err := p.db.Commit(p.t.Context(), 1, &b); err != nil {
		p.t.Fatal(err)
	}
}

func TestAnAddThatFailsTakesOthersBack(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func(b *store.Batch)
		want error
	}{
		{"to a text", func(b *store.Batch) { b.Add(thing("text"), 1) }, store.ErrNotNumber},
		{"beyond the most", func(b *store.Batch) { b.Add(thing("most"), 1) }, store.ErrOverflow},
		{"beyond the most with what the batch added", func(b *store.Batch) { b.Add(thing("new"), math.MaxInt64) }, store.ErrOverflow},
		{"to a text that the batch puts", func(b *store.Batch) { b.Put(thing("put"), []byte("y")); b.Add(thing("put"), 1) }, store.ErrNotNumber},
		{"beyond the most from what it puts", func(b *store.Batch) { b.Put(thing("put"), []byte("1")); b.Add(thing("put"), math.MaxInt64) }, store.ErrOverflow},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			p.commit(func(b *store.Batch) {
				b.Add(thing("counter"), 5)
				b.Put(thing("text"), []byte("x"))
				b.Put(thing("most"), []byte("9223372036854775807"))
			})
			var b store.Batch
			b.Add(thing("counter"), 7)
			b.Add(thing("new"), 7)
			b.Add(thing("counter"), 7)
			b.Add(store.Key{Collection: "never_seen", ID: "counter"}, 7)
			b.Put(store.Key{Collection: "never_seen", ID: "put"}, nil)
			test.fail(&b)
			b.Delete(thing("counter"))
			b.Add(thing("another"), 1)
			p.wantUnchanged(&b, test.want)
		})
	}
}

// What is put over afterwards is added to before, in vain; and one that fails fails all the same.
func TestAnAddThatFailsBeforeAPut(t *testing.T) {
	p := newPlace(t)
	p.commit(func(b *store.Batch) { b.Put(thing("text"), []byte("x")) })
	var b store.Batch
	b.Add(thing("text"), 1)
	b.Put(thing("text"), []byte("1"))
	p.wantUnchanged(&b, store.ErrNotNumber)
}

func TestADamagedStoreIsLeftAsItIs(t *testing.T) {
	for name, damage := range map[string]func(p place) error{
		"values of another type": func(p place) error {
			return shared.Standalone(p.t).Client(p.t).Set(p.t.Context(), p.prefix+":{1}:worn", "x", 0).Err()
		},
		"ids of another type": func(p place) error {
			return shared.Standalone(p.t).Client(p.t).Set(p.t.Context(), p.prefix+":{1}:worn:ids", "x", 0).Err()
		},
		"collections of another type": func(p place) error {
			client := shared.Standalone(p.t).Client(p.t)
			return errors.Join(client.Del(p.t.Context(), p.prefix+":{1}").Err(), client.Set(p.t.Context(), p.prefix+":{1}", "x", 0).Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.commit(func(b *store.Batch) { b.Put(thing("a"), []byte("1")) })
			if err := damage(p); err != nil {
				t.Fatal(err)
			}
			worn := store.Key{Collection: "worn", ID: "a"}
			for what, fill := range map[string]func(b *store.Batch){
				"put":    func(b *store.Batch) { b.Put(worn, nil) },
				"delete": func(b *store.Batch) { b.Delete(worn) },
				"add":    func(b *store.Batch) { b.Add(worn, 1) },
			} {
				t.Run(what, func(t *testing.T) {
					p.t = t
					var b store.Batch
					b.Add(thing("counter"), 1) // these come first
					b.Put(thing("b"), nil)
					b.Delete(thing("a"))
					fill(&b)
					p.wantUnchanged(&b, store.ErrUnavailable)
				})
			}
		})
	}
}

func TestAnIDWithoutAValue(t *testing.T) {
	p := newPlace(t)
	p.commit(func(b *store.Batch) { b.Put(thing("a"), nil); b.Put(thing("b"), nil) })
	if err := shared.Standalone(t).Client(t).HDel(t.Context(), p.prefix+":{1}:thing", "a").Err(); err != nil {
		t.Fatal(err)
	}
	_, err := p.db.Scan(t.Context(), 1, "thing", "", 10)
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), `:{1}:thing:ids lists "a"`) {
		t.Errorf("scan: got error %v, want one that names the id", err)
	}
}

func TestAServerWhoseMemoryIsFull(t *testing.T) {
	master := redistest.Standalone(t, redistest.Options{})
	redistest.StandaloneReplica(t, master, redistest.Options{})
	for name, url := range map[string]string{"alone": master.Place(), "with a replica": master.Place() + "&min_replicas=1"} {
		t.Run(name, func(t *testing.T) {
			db := mustOpen(t, url)
			wantAll(t, db, nil)
			set(t, master, "maxmemory", "1")
			defer set(t, master, "maxmemory", "0")
			for name, call := range calls(db) {
				want := error(nil)
				if name == "commit" {
					want = store.ErrUnavailable
				}
				if err := call(t.Context()); !errors.Is(err, want) {
					t.Errorf("%s: got error %v, want %v", name, err, want)
				}
			}
			var b store.Batch
			b.Delete(thing("works"))
			if err := db.Commit(t.Context(), 1, &b); err != nil {
				t.Errorf("a commit that makes room: %v", err)
			}
			if values, err := db.Get(t.Context(), 1, thing("works")); err != nil || values[0] != nil {
				t.Errorf("afterwards: %q, %v", values, err)
			}
		})
	}
}
