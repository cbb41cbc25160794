// Package ledger keeps earnings, totals, payouts and payout runs in a
// [store.DB]. It is written once, against the contract of package store.
//
// Which file holds what, and of which rules:
//
//	Recording
//	  line.go          batches and single earnings in line
//	  group.go         the groups that are taken of them
//	  order.go         E1        how groups that overlap stay in order
//	  record.go        E1 E2 E3  a group, divided among partitions and committed
//	  recording.go     E1 E3     what becomes of each earning in one partition
//	  earned.go        E4        what their months have earned then
//	Paying
//	  start.go         R1        a run starts, and ends
//	  work.go          R2 R3     workers take it through all partitions, page by page
//	  mark.go                    which plans may have something due
//	  terms.go         R3        where their terms come from
//	  settle.go        C3 R3     what a run makes of a page of plans
//	  shelf.go                   where the marks go that no run can pay
//	  progress.go      R5        how far a run is
//	  preview.go       R4        the same without writing
//	Reading
//	  earning.go       earnings
//	  total.go         what months have earned and were paid
//	  payout.go        R6        one payout, read or changed
//	  payoutlist.go    payouts
//	  run.go           R1 R5     runs
//	Stored form
//	  key.go           keys: see the table below
//	  value.go         values, but for
//	  payoutvalue.go   those of payouts
//
// All of a plan lies in the partition of its partner's MPN ID; a run's header in
// that of its program's name, and its progress in every partition. Here are the
// collections; {plan} is the id that a plan has under its partner.
//
//	collection        id                                 value
//	earnings          {mpn_id}/{plan}/{earning}          minor units, currency, earned month, earn and record time, description
//	earned            {mpn_id}/{plan}/{yyyy-mm}          counter: what the month's earnings add up to, in minor units
//	paid              {mpn_id}/{plan}/{yyyy-mm}          what payouts hold for the month, in minor units
//	unsettled         {program}/{yyyy-mm}/{mpn_id}/{plan}  nothing: the month may have something due
//	shelved           {program}/{yyyy-mm}/{mpn_id}/{plan}  nothing: likewise, but no run can pay it unless the program changes
//	shelf             {program}                          the windows of the program that shelved holds for: see shelf.go
//	payouts           {mpn_id}/{plan}/{pay date}         state, names, amount, times, lines, reference, failure reason
//	payouts_by_state  {state}/{pay date}/{mpn_id}/{plan} nothing: where to find payouts by state and pay date
//	runs              {program}/{pay date}               JSON of Run
//	run_progress      {program}/{pay date}               JSON of how far the run is in this partition
//	runs_unfinished   {program}/{pay date}               nothing: the run is to be resumed
//	run_schedule      {program}                          the newest pay date that the scheduler has started
//
// In an earning, times are seconds since 1970, with nine digits after a dot
// where they are not whole:
//
//	-1250 USD 2026-04 1777616999.500000000 1777617001 reversal of order 17
//
// In a payout, a line is what the month earned, its limit and what is paid, in
// minor units; the length of the reference, in bytes, tells it from the reason:
//
//	PAID 2026-06-15 contoso/azure.coop.fy26 azure USD 450000 1781481600 1781481600 2026-04:1300000:1000000:400000,2026-05:50000:1000000:50000 6 bank 7
//
// What always holds:
//
//   - earned is the sum of the month's earnings: both are written in one commit,
//     and earned by nothing else. Rules E1, E2.
//   - paid is written by runs alone, on the condition that earned and paid are
//     still what the payout was computed from. Rules C2, R2.
//   - A month of a plan has a mark in unsettled unless nothing is due for it,
//     and nothing can become due before it earns again: recording sets the mark,
//     and a run removes it once the plan is approved and the month is paid what
//     is payable. So a run reads what may be due, and never the history. What can
//     not be paid any more is not read either: its mark is in shelved instead,
//     until the program's windows change.
//   - What a run has paid and how far it has come are one commit, on the condition
//     that nobody else has gone on from the same place. Rule R2.
//   - No stored value, however damaged, ends the process: it is an error that names
//     its key.
//
// Earnings come by [Ledger.RecordOne] singly, and by [Ledger.Record] or
// [Ledger.Put] in batches. They stand in a [Line], which takes those that wait as
// one group; a group is divided into the shares of its partitions, each share is
// decided on by a recording, and several shares are one commit where the store can
// do that. Where it can't, RecordOne stands in no Line: it would gain nothing, and
// wait for partitions that are not its own.
//
// Recording and paying do not wait for each other. What is recorded while a
// run works on the plan counts for its payout or for the next one.
package ledger
