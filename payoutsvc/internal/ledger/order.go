package ledger

import "github.com/incentives-dev/incentives/internal/store"

// An order has what lies in one partition recorded in the order of groups, where one begins while another is at work. That of nil
// orders nothing.
type order struct {
	before   *order          // of the group that is at work; nil if none is
	begun    func()          // is called when part of the group is recorded; nil where nobody waits for that
	recorded []chan struct{} // by partition: closed when what the group has there is recorded; nil where it has nothing
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
	if o.begun != nil {
		o.begun()
	}
}

// await returns when the group before has nothing in a partition any more. That one may have been given up before it was divided.
func (o *order) await(p store.Partition) {
	if o == nil || o.before == nil || o.before.recorded == nil {
		return
	}
	if recorded := o.before.recorded[p]; recorded != nil {
		<-recorded
	}
}
