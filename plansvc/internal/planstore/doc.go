// Package planstore keeps programs, enrollments and plans in a store.DB. It
// decides nothing: a change is a function of the domain, run inside Update on
// what was read, and run again when somebody else was faster.
//
// Programs lie in the partition of "programs/{program}"; all of a partner in
// the partition of its MPN ID, so that a plan changes with its history, its
// notifications and its place in the indexes in one commit, or not at all
// (rules L12, L13).
//
//	collection          id                                     value
//	programs            {program}                              plan.Program as JSON
//	enrollments         {mpn_id}/{program}                     plan.Enrollment as JSON
//	plans               {mpn_id}/{plan}                        plan.Plan as JSON
//	standings           {mpn_id}/{plan}                        plan.Standing as text, see standing.go: what a payout run reads of it
//	events              {mpn_id}/{plan}/{number}               plan.Event as JSON
//	outbox              {time}/{mpn_id}/{plan}/{number}        plan.Notification as JSON; nothing sends it yet
//	plans_by_state      {state}/{mpn_id}/{plan}                nothing
//	plans_by_reviewer   {state}/{reviewer}/{mpn_id}/{plan}     nothing
//
// A {reviewer} is an e-mail address, percent-encoded as a path segment; a
// {number} has 8 digits and a {time} is in UTC to the microsecond, so that ids
// sort by age.
package planstore
