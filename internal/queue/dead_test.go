package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// poisoned handles entries, of which those with a field "poison" can never be done.
func poisoned(e queue.Entry, _ int) queue.Verdict {
	if poison, ok := e.Fields["poison"]; ok {
		return queue.Verdict{Outcome: queue.Never, Reason: "POISON_FOUND", Message: "it is " + poison}
	}
	return queue.Verdict{Outcome: queue.Done}
}

func TestNeverMakesADeadLetter(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 2)
		add(t, q, 0, "n", "1")
		lethal := add(t, q, 1, "poison", "lethal\n\x00\xff", "n", "2", "", "unnamed")
		add(t, q, 1, "n", "3")
		d := &diary{decide: poisoned}
		start(t, consumer(q, "one", d.handle))
		awaitFinished(t, q)
		stream, id, _ := strings.Cut(lethal, " ")
		want := []queue.Dead{{
			Reason: "POISON_FOUND", Message: "it is lethal\n\x00\xff",
			Entry: queue.Entry{Stream: stream, ID: id, Fields: map[string]string{"poison": "lethal\n\x00\xff", "n": "2", "": "unnamed"}},
		}}
		if diff := cmp.Diff(want, letters(t, q), cmpopts.IgnoreFields(queue.Dead{}, "ID")); diff != "" {
			t.Errorf("dead letters (-want +got):\n%s", diff)
		}
		if len(d.seen()) != 3 {
			t.Errorf("%d entries were handed out, want 3: one that can't be done holds up no other", len(d.seen()))
		}
	})
}

// An answer of Redis that is lost has an entry handed out again that is among the dead letters.
func TestAnEntryIsBuriedOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		for _, test := range []struct {
			name   string
			fields int
		}{
			{"few fields", 1},
			{"as many as a script takes", 2997},
			{"one more", 2998},
			{"more than a script can take", 20_000},
		} {
			t.Run(test.name, func(t *testing.T) {
				q := newQueue(client, 1)
				fields := []any{"poison", "strong"}
				for i := range test.fields - 1 {
					fields = append(fields, fmt.Sprint("field", i), "x")
				}
				lethal := add(t, q, 0, fields...)
				tap := &acksLost{left: 2}
				tapped := q
				tapped.Client = hooked(t, client, tap)
				d := &diary{decide: poisoned}
				start(t, consumer(tapped, "one", d.handle))
				awaitFinished(t, q)
				if got := d.seen()[lethal]; got < 3 {
					t.Errorf("the entry was handed out %d times, want it again after each of the 2 times that it was not acknowledged", got)
				}
				dead := letters(t, q)
				if len(dead) != 1 || dead[0].Entry.Source() != lethal || len(dead[0].Entry.Fields) != test.fields {
					t.Errorf("%d dead letters, want 1 with all %d fields of %s", len(dead), test.fields, lethal)
				}
			})
		}
	})
}

// acksLost fails the first acknowledgements, as a connection does that breaks.
type acksLost struct{ left int }

func (a *acksLost) before(cmd redis.Cmder) error {
	if cmd.Name() == "xack" && a.left > 0 {
		a.left--
		return errors.New("the connection is broken")
	}
	return nil
}

// Where the dead letters can't be written, the entry stays.
func TestAnEntryThatCannotBeBuriedIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 1)
		ctx := context.Background()
		if err := client.Set(ctx, q.Name+":dead", "what nobody expects here", 0).Err(); err != nil {
			t.Fatal(err)
		}
		good, lethal := add(t, q, 0, "n", "1"), add(t, q, 0, "poison", "lethal")
		d := &diary{decide: poisoned}
		start(t, consumer(q, "one", d.handle))
		redistest.Await(t, "the entry is tried several times", func(context.Context) error {
			if d.seen()[lethal] < 3 {
				return errNotYet
			}
			return nil
		})
		if got, err := pending(q); err != nil || !slices.Contains(got, lethal) {
			t.Errorf("pending %v (%v), want %s among them", got, err, lethal)
		}
		if err := client.Del(ctx, q.Name+":dead").Err(); err != nil {
			t.Fatal(err)
		}
		awaitFinished(t, q)
		if dead := letters(t, q); len(dead) != 1 || dead[0].Entry.Source() != lethal {
			t.Errorf("dead letters %v, want one of %s and none of %s", dead, lethal, good)
		}
	})
}

// What an entry says of itself in fields that are called like a dead letter's own is not believed.
func TestAnEntryCannotForgeWhereItCameFrom(t *testing.T) {
	t.Parallel()
	q := newQueue(dial(t, shared.Standalone(t).URL()), 1)
	lethal := add(t, q, 0, "poison", "lethal", "dead.source", "elsewhere 1-1", "dead.reason", "NONE", "dead.message", "all is well")
	start(t, consumer(q, "one", (&diary{decide: poisoned}).handle))
	awaitFinished(t, q)
	dead := letters(t, q)
	if len(dead) != 1 || dead[0].Entry.Source() != lethal || dead[0].Reason != "POISON_FOUND" || dead[0].Message != "it is lethal" {
		t.Errorf("dead letters %+v, want one of %s with its verdict", dead, lethal)
	}
}

func TestDeadLettersArePaged(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 1)
		ctx := context.Background()
		if last, err := q.LastDead(ctx); err != nil || last != "" {
			t.Errorf("the last of no dead letters is %q (%v), want none", last, err)
		}
		if got := letters(t, q); len(got) != 0 {
			t.Errorf("dead letters %v, want none", got)
		}
		for i := range 10 {
			add(t, q, 0, "poison", fmt.Sprint(i))
		}
		start(t, consumer(q, "one", (&diary{decide: poisoned}).handle))
		awaitFinished(t, q)
		all := letters(t, q)
		if len(all) != 10 {
			t.Fatalf("%d dead letters, want 10", len(all))
		}
		if last, err := q.LastDead(ctx); err != nil || last != all[9].ID {
			t.Errorf("the last dead letter is %q (%v), want %s", last, err, all[9].ID)
		}
		gone := all[6]
		if err := client.XDel(ctx, q.Name+":dead", gone.ID).Err(); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name, after, last string
			limit             int64
			want              []string // what poison they hold
		}{
			{"the first ones", "", "", 3, []string{"0", "1", "2"}},
			{"those behind one", all[2].ID, "", 3, []string{"3", "4", "5"}},
			{"fewer than asked for", all[7].ID, "", 3, []string{"8", "9"}},
			{"behind the last", all[9].ID, "", 3, nil},
			{"up to one", "", all[1].ID, 3, []string{"0", "1"}},
			{"between two", all[2].ID, all[4].ID, 3, []string{"3", "4"}},
			{"up to one that is gone", all[2].ID, gone.ID, 9, []string{"3", "4", "5"}},
			{"behind the one up to which", all[4].ID, all[4].ID, 3, nil},
		} {
			page, err := q.Dead(ctx, test.after, test.last, test.limit)
			var got []string
			for _, d := range page {
				got = append(got, d.Entry.Fields["poison"])
			}
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%s (-want +got): %v\n%s", test.name, err, diff)
			}
		}
	})
}

func TestRetryPutsAnEntryBack(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 2)
		ctx := context.Background()
		add(t, q, 1, "poison", "weak", "n", "7")
		add(t, q, 1, "poison", "strong")
		d := &diary{decide: poisoned}
		start(t, consumer(q, "one", d.handle))
		awaitFinished(t, q)
		dead := letters(t, q)
		if len(dead) != 2 {
			t.Fatalf("%d dead letters, want 2", len(dead))
		}
		for _, letter := range dead {
			if letter.Entry.Fields["poison"] == "weak" {
				delete(letter.Entry.Fields, "poison") // an operator mends it
			}
			if err := q.Retry(ctx, letter); err != nil {
				t.Fatalf("retry: %v", err)
			}
		}
		d.awaitSeen(t, 4)
		awaitFinished(t, q)
		left := letters(t, q)
		if len(left) != 1 || left[0].Entry.Fields["poison"] != "strong" || left[0].ID == dead[1].ID {
			t.Errorf("dead letters %v, want a new one of the entry that still can't be done", left)
		}
		mended := d.entries[slices.IndexFunc(d.entries, func(e queue.Entry) bool { return e.Fields["poison"] == "" })]
		if mended.Stream != streamKey(q, 1) || mended.Fields["n"] != "7" {
			t.Errorf("the mended entry came as %v, want it in its stream with its fields", mended)
		}
		// Somebody else retries with a list that is old: the work is done again, and the letters stay as they are.
		if err := q.Retry(ctx, dead[0]); err != nil {
			t.Errorf("retry again: %v", err)
		}
		d.awaitSeen(t, 5)
		sources, err := client.SMembers(ctx, "{"+q.Name+":dead}:sources").Result()
		if diff := cmp.Diff([]string{left[0].Entry.Source()}, sources); err != nil || diff != "" {
			t.Errorf("sources of dead letters that are remembered (-want +got): %v\n%s", err, diff)
		}
		if again := letters(t, q); !cmp.Equal(left, again) {
			t.Errorf("dead letters %v, want %v", again, left)
		}
	})
}

func TestRetryRefusesWhatHoldsNoEntry(t *testing.T) {
	t.Parallel()
	q := newQueue(dial(t, shared.Standalone(t).URL()), 1)
	ctx := context.Background()
	for name, values := range map[string][]any{
		"written by hand":         {"plan", "contoso"},
		"of another queue":        {"dead.source", "another:{0} 1-1", "plan", "contoso"},
		"of a key that is ours":   {"dead.source", q.Name + ":dead 1-1", "plan", "contoso"},
		"without fields":          {"dead.source", streamKey(q, 0) + " 1-1", "dead.reason", "X"},
		"with a source and no id": {"dead.source", "", "plan", "contoso"},
	} {
		if err := q.Client.XAdd(ctx, &redis.XAddArgs{Stream: q.Name + ":dead", Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
		letter := letters(t, q)
		if err := q.Retry(ctx, letter[len(letter)-1]); !errors.Is(err, queue.ErrNowhere) {
			t.Errorf("a letter %s: retry answers %v, want ErrNowhere", name, err)
		}
		if len(letters(t, q)) != len(letter) {
			t.Errorf("a letter %s is gone, though it could not be retried", name)
		}
	}
	keys, err := q.Client.Keys(ctx, "another:*").Result()
	if err != nil || len(keys) > 0 {
		t.Errorf("keys of another queue %v (%v), want none", keys, err)
	}
}
