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
//     date that it would have had. What an earlier process left comes first. No
//     program waits for all the runs of another.
//   - Of the runs of a program that were missed, the newest 120 are started at
//     the most, which is ten years of them, and those before are not: the first
//     that is started pays what they would have (rule C3).
//   - A clock that is, or was, far from the truth does no lasting harm, for that
//     reason, and since what was started ahead of its time keeps no later run
//     from being started.
//   - All of it is harmless in several processes at once, since the ledger pays
//     nothing twice (rule R2).
//   - An outage delays: of plansvc or the store, and at any moment.
package schedule
