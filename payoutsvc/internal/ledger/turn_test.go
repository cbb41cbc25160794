package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

// A caller that has sent much has its turn after those that have sent little, and can't fill the line. A certificate and a token of one name are two.
func TestCallersTakeTurns(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusyLine(t, db)
		as := func(id string, certificate bool) context.Context {
			return auth.WithCaller(t.Context(), auth.Principal{ID: id, Certificate: certificate})
		}
		plan := b.plan("contoso", 100_00)
		much := slices.Repeat([]ledger.Entry{b.entry(plan, "same", "2026-04", 1_00)}, 4000)
		var greedy []*ledger.Place
		for range 40 {
			greedy = append(greedy, b.ledger.PutBounded(as("greedy", false), b.now, much))
		}
		refused := 0
		for _, place := range greedy {
			if fault.ReasonOf(firstError(place)) == "RECORDING_BUSY" {
				refused++
			}
		}
		if refused != 15 { // 25 of 4,000 are 100,000
			t.Errorf("%d of 40 batches of one caller were refused, want 15", refused)
		}
		if greedy, other := b.ledger.Busy(as("greedy", false)), b.ledger.Busy(as("greedy", true)); fault.ReasonOf(greedy) != "RECORDING_BUSY" || other != nil {
			t.Errorf("before it is looked at, one more: %v, want RECORDING_BUSY; another caller's: %v", greedy, other)
		}
		if stream := b.ledger.Put(as("greedy", false), b.now, much, nil); firstError(stream) != nil {
			t.Errorf("a stream's batch, which waits however long: %v", firstError(stream))
		}
		for range 20 { // streams alone fill the line
			b.ledger.Put(as("greedy", false), b.now, much, nil)
		}
		for i, want := range []string{"", "", "RECORDING_BUSY"} { // with nothing there, with 4,000 and with 8,000
			if got := fault.ReasonOf(firstError(b.ledger.PutBounded(as("frequent", false), b.now, much))); got != want {
				t.Errorf("batch %d of another caller in a full line: %q, want %q", i, got, want)
			}
		}
		var others []*ledger.Place
		for i, ctx := range []context.Context{as("modest", false), as("greedy", true), t.Context()} {
			others = append(others, b.ledger.Put(ctx, b.now, []ledger.Entry{b.entry(plan, fmt.Sprint("e", i), "2026-04", 1_00)}, nil))
		}
		close(b.letGo)
		b.waiting.Wait()
		for i, place := range others {
			<-place.Done()
			if err := firstError(place); err != nil {
				t.Errorf("caller %d, beside one who fills the line: %v", i, err)
			}
		}
		for _, place := range greedy {
			<-place.Done()
		}
		b.wantEarned("each once", plan, "2026-04", 4_00)
	})
}

// While a partition is out, so many groups wait for it, and no more: the next has everybody wait.
func TestSlowGroupsAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		out, letGo := store.PartitionOf("contoso", db.Partitions()), make(chan struct{})
		w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation == commit && c.partition == out {
				<-letGo
			}
			return c.do()
		}})
		patience := w.ledger.Hurry()
		plan := w.plan("contoso", 100_00)
		const most = 32
		var places []*ledger.Place
		for i := range most + 1 {
			places = append(places, w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(plan, fmt.Sprint("e", i), "2026-04", 1_00)}, nil))
			redistest.Await(t, "nobody waits for it", func(context.Context) error {
				if slow := w.ledger.Slow(); slow != min(i+1, most) {
					return fmt.Errorf("%d are slow", slow)
				}
				return nil
			})
		}
		places = append(places, w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(w.plan(elsewhere, 100_00), "e", "2026-04", 1_00)}, nil))
		select {
		case <-places[most+1].Done():
			t.Errorf("more than %d groups are at work at once", most+1)
		case <-time.After(3 * patience):
		}
		close(letGo)
		for i, place := range places {
			<-place.Done()
			if err := firstError(place); err != nil {
				t.Errorf("batch %d: %v", i, err)
			}
		}
	})
}

// The group that everybody had to wait for, since too many were slow, is not waited for any longer when they no longer are.
func TestSlowGroupsMakePlace(t *testing.T) {
	t.Parallel()
	db, partners := wide(t)
	w := newWorld(t, db, "azure")
	out := map[store.Partition]chan struct{}{0: make(chan struct{}), 9: make(chan struct{})}
	w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
		if letGo := out[c.partition]; c.operation == commit && letGo != nil {
			<-letGo
		}
		return c.do()
	}})
	w.ledger.Hurry()
	put := func(partner, id string) *ledger.Place {
		return w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(w.plan(partner, 100_00), id, "2026-04", 1_00)}, nil)
	}
	const most = 32
	places := make([]*ledger.Place, 0, most+1)
	for i := range most {
		places = append(places, put(partners[0], fmt.Sprint("e", i)))
		redistest.Await(t, "nobody waits for it", func(context.Context) error {
			if slow := w.ledger.Slow(); slow != i+1 {
				return fmt.Errorf("%d are slow, want %d", slow, i+1)
			}
			return nil
		})
	}
	places = append(places, put(partners[9], "e"))
	fine := put(partners[20], "e")
	close(out[0])
	select {
	case <-fine.Done():
	case <-time.After(10 * time.Second):
		t.Errorf("one group is slow, and what waits is not recorded; %d are given up on", w.ledger.Slow())
	}
	close(out[9])
	for i, place := range append(places, fine) {
		<-place.Done()
		if err := firstError(place); err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
}

// What is at work counts as what waits does, until it is recorded: where partitions are out, it may be all there is. Streams are never refused.
func TestWhatIsAtWorkIsBounded(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		out, letGo := store.PartitionOf("contoso", db.Partitions()), make(chan struct{})
		w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation == commit && c.partition == out {
				<-letGo
			}
			return c.do()
		}})
		w.ledger.Hurry()
		plan, other := w.plan("contoso", 100_00), w.plan(elsewhere, 100_00)
		const groups = 20 // of 8,000 are 160,000, and each is a group of its own
		var places []*ledger.Place
		for i := range groups {
			entries := slices.Repeat([]ledger.Entry{w.entry(plan, fmt.Sprint("e", i), "2026-04", 1_00)}, 8000)
			places = append(places, w.ledger.PutBounded(t.Context(), w.now, entries))
			redistest.Await(t, "nobody waits for it", func(context.Context) error {
				if slow, joined := w.ledger.Slow(), w.ledger.BatchesJoined(); slow != i+1 || joined != 0 {
					return fmt.Errorf("%d are slow, and %d earnings wait", slow, joined)
				}
				return nil
			})
		}
		entry := []ledger.Entry{w.entry(other, "e", "2026-04", 1_00)}
		if err := firstError(w.ledger.PutBounded(t.Context(), w.now, entry)); fault.ReasonOf(err) != "RECORDING_BUSY" {
			t.Errorf("a batch when 160,000 earnings are at work: %v, want RECORDING_BUSY", err)
		}
		stream := w.ledger.Put(t.Context(), w.now, entry, nil)
		<-stream.Done()
		if err := firstError(stream); err != nil {
			t.Errorf("a stream's batch when 160,000 earnings are at work: %v", err)
		}
		close(letGo)
		for i, place := range places {
			<-place.Done()
			if err := firstError(place); err != nil {
				t.Errorf("batch %d: %v", i, err)
			}
		}
		w.wantSaid("when they are recorded", []string{"duplicate"}, entry...)
		w.wantNothingCounted()
	})
}

// While a group is slow, the next ones are not waited for as long as it was, or each would keep the rest waiting in its turn.
func TestNobodyWaitsWhileOneIsSlow(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		letGo := make(chan struct{})
		w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
			if c.operation == commit {
				<-letGo
			}
			return c.do()
		}})
		w.ledger.Hurry()
		plan := w.plan("contoso", 100_00)
		var places []*ledger.Place
		for i := range 3 {
			places = append(places, w.ledger.Put(t.Context(), w.now, []ledger.Entry{w.entry(plan, fmt.Sprint("e", i), "2026-04", 1_00)}, nil))
			redistest.Await(t, "nobody waits for it", func(context.Context) error {
				if slow := w.ledger.Slow(); slow != i+1 {
					return fmt.Errorf("%d are slow, want %d", slow, i+1)
				}
				return nil
			})
			w.ledger.Calm(time.Hour)
		}
		close(letGo)
		for _, place := range places {
			<-place.Done()
		}
	})
}

// What was given up does not wait any more, and what is put behind it goes on.
func TestGiveUp(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusyLine(t, db)
		plan := b.plan("contoso", 100_00)
		put := func(id string, after *ledger.Place) *ledger.Place {
			return b.ledger.Put(t.Context(), b.now, []ledger.Entry{b.entry(plan, id, "2026-04", 1_00)}, after)
		}
		gone := put("gone", nil)
		behind := put("behind", gone)
		b.ledger.GiveUp(gone)
		b.ledger.GiveUp(gone)
		if joined := b.ledger.BatchesJoined(); joined != 1 {
			t.Errorf("%d earnings wait, want the one that was not given up", joined)
		}
		if err := firstError(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("what was given up: %v", err)
		}
		close(b.letGo)
		b.waiting.Wait()
		<-behind.Done()
		if err := firstError(behind); err != nil {
			t.Errorf("what was behind it: %v", err)
		}
		b.ledger.GiveUp(behind) // it is there already
		b.wantEarned("one was given up", plan, "2026-04", 1_00)
	})
}

// What is recorded together is recorded at one moment, the latest at which any of it was put in line: record times never go back.
func TestGroupsAreOfTheLatestMoment(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		b := newBusyLine(t, db)
		plan := b.plan("contoso", 100_00)
		var places []*ledger.Place
		for i, later := range []time.Duration{time.Second, 3 * time.Second, 2 * time.Second} {
			places = append(places, b.ledger.Put(t.Context(), b.now.Add(later), []ledger.Entry{b.entry(plan, fmt.Sprint("e", i), "2026-04", 1_00)}, nil))
		}
		close(b.letGo)
		b.waiting.Wait()
		for i, place := range places {
			<-place.Done()
			if got, want := place.Outcomes()[0], b.now.Add(3*time.Second); got.Err != nil || !got.Earning.RecordTime.Equal(want) {
				t.Errorf("batch %d is recorded at %s, %v; want %s", i, got.Earning.RecordTime, got.Err, want)
			}
		}
	})
}

// Each caller's first comes before anybody's second, and its own stay in their order.
func TestTurns(t *testing.T) {
	if got, want := ledger.Turns("a", "a", "b", "a", "", "b", "c"), []int{0, 2, 4, 6, 1, 5, 3}; !slices.Equal(got, want) {
		t.Errorf("turns %v, want %v", got, want)
	}
}

// A batch that finds no room in a group keeps back those of its own caller, and none of others.
func TestGroups(t *testing.T) {
	for name, test := range map[string]struct {
		batches []ledger.Sized
		want    [][]int
	}{
		"beside one who sends all it may": {
			[]ledger.Sized{{"greedy", 5000}, {"greedy", 5000}, {"greedy", 5000}, {"modest", 10}, {"modest", 10}, {"modest", 10}}, [][]int{{0, 3, 4, 5}, {1, 2}},
		},
		"in what large batches leave":      {[]ledger.Sized{{"greedy", 9000}, {"greedy", 4000}, {"greedy", 10}, {"modest", 10}, {"modest", 10}}, [][]int{{0, 3, 4}, {1, 2}}},
		"nobody in particular, in a line":  {[]ledger.Sized{{"", 4000}, {"", 4000}, {"", 4000}, {"", 10}}, [][]int{{0, 1}, {2, 3}}},
		"two who send much, one after one": {[]ledger.Sized{{"a", 5000}, {"a", 5000}, {"b", 4000}, {"b", 4000}}, [][]int{{0, 2}, {1, 3}}},
	} {
		if got := ledger.Groups(test.batches...); !slices.EqualFunc(got, test.want, slices.Equal) {
			t.Errorf("%s: groups %v, want %v", name, got, test.want)
		}
	}
}

// A group begins beside one of which part is recorded, and that is no larger. Where nobody waits any more for one before that, it would
// overtake it: what it keeps in order is what the last one has, and no other. Rule E1.
func TestE1_WhenGroupsBegin(t *testing.T) {
	for name, test := range map[string]struct {
		moment ledger.Moment
		want   bool
	}{
		"alone":                                 {ledger.Moment{Waiting: 1}, true},
		"beside one":                            {ledger.Moment{AtWork: 1, Begun: true, Size: 10, Waiting: 10}, true},
		"beside one of which nothing is stored": {ledger.Moment{AtWork: 1, Size: 10, Waiting: 10}, false},
		"beside one that is larger":             {ledger.Moment{AtWork: 1, Begun: true, Size: 11, Waiting: 10}, false},
		"beside one, and one that is slow":      {ledger.Moment{AtWork: 1, Slow: 1, Begun: true, Size: 10, Waiting: 10}, false},
		"beside one that is slow":               {ledger.Moment{Slow: 1, Begun: true, Size: 11, Waiting: 10}, true},
		"beside two":                            {ledger.Moment{AtWork: 2, Begun: true, Size: 10, Waiting: 10}, false},
		"beside one, in a line one by one":      {ledger.Moment{AtWork: 1, Begun: true, Size: 10, Waiting: 10, OneByOne: true}, false},
	} {
		if got := test.moment.Begins(); got != test.want {
			t.Errorf("%s: a group begins: %t, want %t", name, got, test.want)
		}
	}
}

// firstError is that of a place's first entry, nil while there are no outcomes.
func firstError(place *ledger.Place) error {
	select {
	case <-place.Done():
		return place.Outcomes()[0].Err
	default:
		return nil
	}
}
