package listing_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/incentives-dev/incentives/internal/listing"
)

// pages lists all pages, and returns what each of them has.
func pages(t *testing.T, size int, find func([]string) ([]listing.Found[string], error), ids ...string) [][]string {
	t.Helper()
	db := open(t)
	put(t, db, ids...)
	var all [][]string
	for page := (listing.Page{Size: size}); ; {
		items, after, err := listing.ByIndex(t.Context(), query(db, "", page), find)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, items)
		if after == "" {
			return all
		}
		if after <= page.After {
			t.Fatalf("the page after %q ends at %q", page.After, after)
		}
		page.After = after
	}
}

func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%04d", i)
	}
	return ids
}

func sizes(pages [][]string) []int {
	var sizes []int
	for _, page := range pages {
		sizes = append(sizes, len(page))
	}
	return sizes
}

func TestByIndex(t *testing.T) {
	t.Parallel()
	ids := numbered(600)
	for _, test := range []struct {
		name  string
		size  int
		keep  func(id string) bool
		bytes int // of each item
		want  []int
	}{
		{"whole pages", 200, func(string) bool { return true }, 1, []int{200, 200, 200}},
		{"all in one page", 1000, func(string) bool { return true }, 1, []int{600}},
		{"one that fills up what has moved on", 100, func(id string) bool { return id >= "0050" }, 1, []int{100, 100, 100, 100, 100, 50}},
		{"nothing is left of it", 1000, func(string) bool { return false }, 1, []int{0}},
		{"little is left: a page gives up looking", 20, func(id string) bool { return id >= "0300" }, 1, append([]int{0}, slices.Repeat([]int{20}, 15)...)},
		{"large items end a page early", 600, func(string) bool { return true }, 10 << 10, []int{205, 205, 190}},
		{"items that are as large as a page", 600, func(id string) bool { return id < "0003" }, 2 << 20, []int{1, 1, 1, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := pages(t, test.size, func(ids []string) ([]listing.Found[string], error) {
				found := make([]listing.Found[string], len(ids))
				for i, id := range ids {
					found[i] = listing.Found[string]{Item: id, Keep: test.keep(id), Bytes: test.bytes}
				}
				return found, nil
			}, ids...)
			if !slices.Equal(sizes(got), test.want) {
				t.Errorf("pages of %v items, want %v", sizes(got), test.want)
			}
			want := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !test.keep(id) })
			if listed := slices.Concat(got...); !slices.Equal(listed, want) {
				t.Errorf("listed are %q, want %q", listed, want)
			}
		})
	}
	db := open(t)
	put(t, db, ids...)
	failure := errors.New("no")
	_, _, err := listing.ByIndex(t.Context(), query(db, "", listing.Page{Size: 10}), func([]string) ([]listing.Found[string], error) { return nil, failure })
	if !errors.Is(err, failure) {
		t.Errorf("what find fails with: got %v", err)
	}
}
