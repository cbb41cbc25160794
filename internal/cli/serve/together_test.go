package serve

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A journal is what happened, in order.
type journal struct {
	mu      sync.Mutex
	entries []string
}

func (j *journal) add(entry string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
}

// A double is a part that writes down what happens to it.
type double struct {
	name   string
	refuse error         // fails before it listens
	fail   chan struct{} // fails, or ends by itself, when this closes
	err    error         // with this
	finish error         // what it returns when told to stop
}

func (d double) part(j *journal) part {
	return part{name: d.name, run: func(ctx context.Context, listening func(string)) error {
		if d.refuse != nil {
			return d.refuse
		}
		j.add(d.name + " starts")
		listening(d.name + ".address")
		select {
		case <-ctx.Done():
			j.add(d.name + " stops")
			return d.finish
		case <-d.fail:
			return d.err
		}
	}}
}

func TestTogether(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	disk := errors.New("disk full")
	tests := []struct {
		name     string
		parts    []double
		stop     bool // told to stop when all listen
		want     []string
		wantErr  string
		variable bool // what is over before all listen depends on timing
	}{
		{
			name:  "told to stop",
			parts: []double{{name: "plansvc"}, {name: "payoutsvc"}, {name: "gateway"}},
			stop:  true,
			want: []string{
				"plansvc starts", "plansvc at plansvc.address", "payoutsvc starts", "payoutsvc at payoutsvc.address",
				"gateway starts", "gateway at gateway.address", "gateway stops", "payoutsvc stops", "plansvc stops",
			},
		},
		{
			name:    "one cannot start",
			parts:   []double{{name: "plansvc"}, {name: "payoutsvc", refuse: disk}, {name: "gateway"}},
			want:    []string{"plansvc starts", "plansvc at plansvc.address", "plansvc stops"},
			wantErr: "disk full",
		},
		{
			name:    "one fails",
			parts:   []double{{name: "plansvc"}, {name: "payoutsvc"}, {name: "gateway", fail: closed, err: disk}},
			wantErr: "disk full", variable: true,
		},
		{
			name:    "one stops by itself",
			parts:   []double{{name: "plansvc"}, {name: "gateway", fail: closed}},
			wantErr: "gateway has stopped by itself", variable: true,
		},
		{
			name:  "one does not stop well",
			parts: []double{{name: "plansvc"}, {name: "gateway", finish: disk}},
			stop:  true,
			want: []string{
				"plansvc starts", "plansvc at plansvc.address", "gateway starts", "gateway at gateway.address", "gateway stops", "plansvc stops",
			},
			wantErr: "disk full",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			j := &journal{}
			var parts []part
			for _, d := range test.parts {
				parts = append(parts, d.part(j))
			}
			err := together(ctx, parts, func(name, address string) { j.add(name + " at " + address) }, func(context.Context) {
				if test.stop {
					cancel()
				}
			})
			if got := message(err); got != test.wantErr {
				t.Errorf("error %q, want %q", got, test.wantErr)
			}
			if diff := cmp.Diff(test.want, j.entries); diff != "" && !test.variable {
				t.Errorf("what happened (-want +got):\n%s", diff)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
