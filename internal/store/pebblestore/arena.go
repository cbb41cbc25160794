//go:build cgo && linux

package pebblestore

// Pebble takes blocks and memtables from the C library. That of GNU gives each thread a place of its own to take them from, and
// what was freed in one is of no use to another: of a cache of 160 MiB more than 300 came to be resident. There is to be one
// place. It must be said before the Go runtime starts its threads, so by what the C library runs first; others have no such places.

/*
#include <malloc.h>

__attribute__((constructor)) static void one_arena(void) {
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}
*/
import "C"
