package store

import (
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// A Partition is the number of a partition, from 0 to one below DB.Partitions.
type Partition uint16

const (
	// DefaultPartitions is how many partitions a store gets that is created without saying.
	DefaultPartitions = 64

	// MaxPartitions is the most that a store can have. A Redis Cluster has as many slots.
	MaxPartitions = 1 << 14
)

// PartitionOf returns the partition, of n, that holds what belongs to a key, such as an MPN ID. It is
// XXH64 of the key's bytes with seed 0, modulo n, and must never change: the data lies by it.
func PartitionOf(key string, n int) Partition {
	return Partition(xxhash.Sum64String(key) % uint64(n))
}

// Check returns an error wrapping ErrInvalid unless a store of n partitions has p. It is for engines.
func (p Partition) Check(n int) error {
	if int(p) < n {
		return nil
	}
	return fmt.Errorf("%w: partition %d of %d", ErrInvalid, p, n)
}

// CheckCollection returns an error wrapping ErrInvalid unless name is [a-z_]+. It is for engines.
func CheckCollection(name string) error {
	valid := name != ""
	for i := range len(name) {
		c := name[i]
		valid = valid && (c >= 'a' && c <= 'z' || c == '_')
	}
	if valid {
		return nil
	}
	return fmt.Errorf("%w: collection %q is not [a-z_]+", ErrInvalid, name)
}
