// Package storeurl opens a store by its URL, for every service in the same way.
//
// The scheme names the engine, the rest is the engine's:
//
//	pebble:PATH              a folder of this machine, made where there is none; PATH is taken as it stands
//	redis://HOST[:PORT]      and the like: see [redisstore.Open]
package storeurl

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
)

// schemes are the known ones, for the message that lists them.
const schemes = "pebble:PATH, redis://HOST, redis+sentinel://HOST,HOST/MASTER, redis+cluster://HOST,HOST (rediss for TLS)"

// isScheme is what a scheme looks like (RFC 3986). What else stands before a colon may be a part of a password.
var isScheme = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*$`)

// Options say how to open a store.
type Options struct {
	// Name is the service's, and keeps its store apart from others in the same place, where a place holds several.
	Name string
	// Partitions is how many partitions a new store gets; 0 is the usual number.
	Partitions int
	// MustExist has Open fail with store.ErrMissing where there is no store, instead of creating one.
	MustExist bool
	// CacheSize is how many bytes of memory an engine of this process takes, as [pebblestore.Options] have it; 0 is the usual number.
	CacheSize int64
	// Log is where the engine reports; nil discards it.
	Log *slog.Logger
}

// Open opens the store that url names. The caller closes it. An error is one line that names the scheme, or the place in
// the URL, and the cause: a scheme that is not known, or what the engine says, such as store.ErrInUse. It names no password.
func Open(url string, o Options) (store.DB, error) {
	scheme, rest, found := strings.Cut(url, ":")
	switch {
	case !found || rest == "" || !isScheme.MatchString(scheme):
		return nil, fmt.Errorf("the store's URL is none; known are: %s", schemes)
	case scheme == "pebble":
		// A URL without a host may begin with two more slashes, and means the same folder.
		db, err := pebblestore.Open(strings.TrimPrefix(rest, "//"), pebblestore.Options{
			Name: o.Name, Partitions: o.Partitions, MustExist: o.MustExist, CacheSize: o.CacheSize, Logger: o.Log,
		})
		if err != nil {
			return nil, err // and not db, which is a nil in an interface that is none
		}
		return db, nil
	case redisstore.Knows(scheme):
		db, err := redisstore.Open(url, redisstore.Options{Prefix: o.Name, Partitions: o.Partitions, MustExist: o.MustExist, Logger: o.Log})
		if err != nil {
			return nil, err // likewise
		}
		return db, nil
	}
	return nil, fmt.Errorf("the store's URL has the unknown scheme %.20q; known are: %s", scheme, schemes)
}

// Partitions is how many partitions the store of a URL has to have, as the URL says; 0 where it does not.
func Partitions(url string) int { return redisstore.Partitions(url) }

// IsShared tells whether several processes may use the store of a URL at once.
func IsShared(url string) bool {
	scheme, _, _ := strings.Cut(url, ":")
	return redisstore.Knows(scheme)
}
