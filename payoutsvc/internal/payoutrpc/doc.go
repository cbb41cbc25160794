// Package payoutrpc answers the calls of PayoutService: it turns messages into
// what the rules of package payout take, and what these answer into messages.
// It decides nothing itself.
//
//	record.go     RecordEarning, BatchRecordEarnings: E1 E2 E3 E4 E5 E6 E7
//	stream.go     StreamEarnings: E2 E3
//	attempt.go    what these three share: one earning on its way into the ledger
//	earning.go    earnings, read
//	statement.go  statements
//	run.go        payout runs: R1 R5
//	preview.go    their preview: R4
//	payout.go     payouts: R6
//	name.go       names, pay dates and months in requests
//	convert.go    results as messages
//
// What always holds: a request that is wrong is answered with everything that is
// wrong with it at once, each with the path of its field; and what was not
// acknowledged may be sent again (rule E2).
//
// How batches and streams answer an outage: an earning whose partition, or whose
// plan's terms, cannot be reached is REJECTED with UNAVAILABLE; whether it is
// stored is not known, and it may be sent again. Where that is all that became of
// a batch, the whole call fails with UNAVAILABLE, so that a sender waits.
package payoutrpc
