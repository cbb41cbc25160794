// Package upload sends any number of earnings to the payout service over a
// stream, and sees to it that each has an outcome.
//
// What always holds: every item comes back once, with what became of it, in the
// order in which it was read but for earnings that had to be sent again; an
// earning is sent again only while it has no outcome, which is safe (rule E1);
// memory is bounded by the batches on their way, however many items there are.
package upload
