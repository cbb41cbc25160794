package storeurl_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		name, url, folder string
	}{
		{"a path", "pebble:" + dir + "/path", "path"},
		{"a URL without a host", "pebble://" + dir + "/url", "url"},
		{"percent signs are no escapes", "pebble:" + dir + "/100%25", "100%25"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db, err := storeurl.Open(test.url, storeurl.Options{})
			if err != nil {
				t.Fatalf("Open(%q) = %v, want a store", test.url, err)
			}
			defer func() {
				if err := db.Close(); err != nil {
					t.Errorf("closing the store: %v", err)
				}
			}()
			if _, err := db.Get(t.Context(), 0, store.Key{Collection: "things", ID: "1"}); err != nil {
				t.Errorf("reading from %q: %v, want an answer", test.url, err)
			}
			if _, err := os.Stat(filepath.Join(dir, test.folder)); err != nil {
				t.Errorf("%q did not make the folder %s: %v", test.url, test.folder, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		name, url, want string
	}{
		{"an unknown scheme", "mysql://localhost/incentives", `unknown scheme "mysql"; known are: pebble:PATH`},
		{"a bare path", "./incentives-data", "the store's URL is none; known are: pebble:PATH"},
		{"a scheme that is misspelt, with a password", "redsi://user:geheim@localhost", `unknown scheme "redsi"; known are: pebble:PATH`},
		{"a password without a scheme", "geheim@localhost", "the store's URL is none"},
		{"a password without a scheme, and a port", "geheim@localhost:6379", "the store's URL is none"},
		{"a password before the scheme", "user geheim:redis://localhost", "the store's URL is none"},
		{"a password and no host", "redis://user:geheim@", "names no host"},
		{"no path", "pebble:", "the store's URL is none"},
		{"nothing", "", "the store's URL is none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db, err := storeurl.Open(test.url, storeurl.Options{})
			if err == nil {
				t.Fatalf("Open(%q) opened a store, want an error", test.url)
			}
			if db != nil {
				t.Errorf("Open(%q) returned a store with its error", test.url)
			}
			if got := err.Error(); !strings.Contains(got, test.want) || strings.Contains(got, "\n") || strings.Contains(got, "geheim") {
				t.Errorf("Open(%q) = %q, want one line with %q, and no password", test.url, got, test.want)
			}
		})
	}
}

func TestPartitions(t *testing.T) {
	for url, want := range map[string]int{
		"redis://localhost?prefix=acme&partitions=8": 8,
		"redis+cluster://a,b?partitions=16384":       16384,
		"redis://localhost":                          0,
		"redis://localhost?partitions=x":             0,
		"redis://localhost?partitions=8&no_such=1":   0,
		"pebble:data?partitions=8":                   0, // a folder
		"":                                           0,
	} {
		if got := storeurl.Partitions(url); got != want {
			t.Errorf("Partitions(%q) = %d, want %d", url, got, want)
		}
	}
}

func TestOpenInUse(t *testing.T) {
	url := "pebble:" + t.TempDir()
	first, err := storeurl.Open(url, storeurl.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := storeurl.Open(url, storeurl.Options{})
	if !errors.Is(err, store.ErrInUse) {
		t.Errorf("opening a store twice: %v, want an error wrapping store.ErrInUse", err)
	}
	if second != nil {
		t.Errorf("opening a store twice returned a store (%T) with its error", second)
	}
}
