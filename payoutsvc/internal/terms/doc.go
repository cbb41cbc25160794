// Package terms asks plansvc what recording and paying depend on: the terms of
// plans, and the programs. It is all that payoutsvc knows of either.
//
// What always holds:
//
//   - Terms to pay by are never remembered: [Client.PlanTerms] asks plansvc each
//     time, so that no payout is made by a limit of yesterday.
//   - Terms to record by are remembered for a minute, without limits, and only
//     those of plans that were submitted, since these never lose what recording
//     depends on: their currency, time zone and program year are fixed (rules L9,
//     P1). A plan that is unknown, or was never submitted, is asked for each time.
//   - Every plan that was asked for has an answer of its own: one that does not
//     exist, or cannot be understood, takes no other with it (rules E3, R3).
//   - When plansvc cannot answer, the error is Unavailable, and says to try again.
package terms
