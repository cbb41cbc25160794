// Package schedule makes payout runs happen: a [Scheduler] starts them when
// their time has come, and a [Runner] carries them through, in the background of
// the service.
//
// What always holds:
//
//   - A run that was started is carried through, whoever started it, whether or
//     not they wait: after a crash it is resumed at start-up (rule R1).
//   - The runs of one program are worked one after the other, in the order in
//     which they were started, so that after an outage each payout has the pay
//     date that it would have had.
//   - All of it is harmless in several processes at once, since the ledger pays
//     nothing twice (rule R2).
//   - An outage delays: of plansvc or the store, and at any moment.
package schedule
