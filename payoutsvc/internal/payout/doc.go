// Package payout holds the rules of recording earnings and paying them:
// E1, E4–E7, C1–C6, R1 and R6 of the rule book; E2, E3 and R2–R5 are package
// ledger's. It is pure: it knows no store, no transport and no clock, and what it
// is given it does not keep.
//
//	earning.go    E1 E4 E5 E6 E7  what is recorded, once, and for which month
//	terms.go      E6 E7 C2 C5     what recording and paying depend on of a plan
//	month.go      E5 C1           months, as a program counts them
//	paydate.go    C1 C3 R1        the 15th, and when a run may start
//	due.go        C2 C4 C6        payable, due, withheld: one month's arithmetic
//	settlement.go C3 C4 C5        what one plan is paid on one pay date
//	payout.go     R6              the states of a payout
//
// Where the rule book is silent:
//
//   - A plan that is not approved has a limit of zero in every month: nothing
//     is payable, and its statements show all of it as withheld (C5).
//   - An earning that was recorded is a duplicate for ever, also after its
//     window has closed: E1 is asked before E6.
//   - What a month's earnings add up to stays within an int64 of minor units.
//     An earning that would leave it is refused, and nothing else is.
//   - Confirming a payout again with the same reference changes nothing, so
//     that whoever moves the money may retry.
//   - After an outage every 15th that was missed is run, the oldest first, so
//     that each payout has the pay date that it would have had.
package payout
