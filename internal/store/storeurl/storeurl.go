// Package storeurl opens a store by its URL, for every service in the same way.
//
// The scheme names the engine, the rest is the engine's:
//
//	pebble:PATH    a folder of this machine, made where there is none; PATH is taken as it stands
package storeurl

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
)

// schemes are the known ones, for the message that lists them.
const schemes = "pebble:PATH"

// Open opens the store that url names; the engine reports to log. The caller closes it. An error is one
// line that names the URL, or the folder in it, and the cause: a scheme that is not known, or what the engine
// says, such as store.ErrInUse.
func Open(url string, log *slog.Logger) (store.DB, error) {
	scheme, rest, found := strings.Cut(url, ":")
	switch {
	case !found || rest == "":
		return nil, fmt.Errorf("store %q is no URL of a store; known are: %s", url, schemes)
	case scheme == "pebble":
		// A URL without a host may begin with two more slashes, and means the same folder.
		db, err := pebblestore.Open(strings.TrimPrefix(rest, "//"), pebblestore.Options{Logger: log})
		if err != nil {
			return nil, err // and not db, which is a nil in an interface that is none
		}
		return db, nil
	}
	return nil, fmt.Errorf("store %q has the unknown scheme %q; known are: %s", url, scheme, schemes)
}
