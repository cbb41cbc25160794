package ledger

import "github.com/incentives-dev/incentives/internal/store"

// An order keeps groups, of which one begins while another is at work, in their order within each partition. The nil order is of groups
// that never overlap.
type order struct {
	before       *order          // of the group that is at work; nil if none is
	partRecorded func()          // is called when part of the group is recorded
	recorded     []chan struct{} // by partition: closed when what the group has there is recorded; nil where it has nothing
}

// divide notes where a group has something.
func (o *order) divide(partitions int, shares []share) {
	if o == nil {
		return
	}
	o.recorded = make([]chan struct{}, partitions)
	for _, s := range shares {
		o.recorded[s.partition] = make(chan struct{})
	}
}

// done notes that shares are recorded, or will not be.
func (o *order) done(shares []share) {
	if o == nil {
		return
	}
	for _, s := range shares {
		close(o.recorded[s.partition])
	}
	o.partRecorded()
}

// await returns when what the group before has in a partition is recorded.
func (o *order) await(p store.Partition) {
	if o == nil || o.before == nil || o.before.recorded == nil { // all of that one may have been given up, so that it was not divided
		return
	}
	if recorded := o.before.recorded[p]; recorded != nil {
		<-recorded
	}
}
