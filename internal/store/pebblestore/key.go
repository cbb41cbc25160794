package pebblestore

import (
	"bytes"
	"encoding/binary"

	"github.com/incentives-dev/incentives/internal/store"
)

// metaKey holds what the store says of itself. No partition has the number that it begins with.
var metaKey = []byte("\xff\xffmeta")

// keyHeader is how many bytes a key has before its collection.
const keyHeader = 2

// appendKey appends the key that Pebble knows a key of a partition by.
func appendKey(dst []byte, p store.Partition, k store.Key) []byte {
	dst = appendCollection(dst, p, k.Collection, 0)
	return append(dst, k.ID...)
}

// appendCollection appends the beginning that all keys of a collection share, up to the byte between
// collection and id: 0 for the beginning itself, 1 for the first key above the collection.
func appendCollection(dst []byte, p store.Partition, collection string, end byte) []byte {
	dst = append(appendPartition(dst, p), collection...)
	return append(dst, end)
}

// appendPartition appends the beginning that all keys of a partition share.
func appendPartition(dst []byte, p store.Partition) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(p))
}

// collectionOf returns the collection of a key, unless the key is one of another partition.
func collectionOf(key []byte, p store.Partition) (name string, ok bool) {
	rest, ok := bytes.CutPrefix(key, appendPartition(nil, p))
	collection, _, cut := bytes.Cut(rest, []byte{0})
	return string(collection), ok && cut
}

// keySize returns the length of what appendKey appends.
func keySize(k store.Key) int {
	return keyHeader + len(k.Collection) + 1 + len(k.ID)
}

// putKey writes to dst, of keySize bytes, what appendKey appends.
func putKey(dst []byte, p store.Partition, k store.Key) {
	appendKey(dst[:0], p, k)
}
