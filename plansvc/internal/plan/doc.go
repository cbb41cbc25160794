// Package plan holds the rules of programs, enrollments and plans, and
// nothing else: it decides on what it is given, and waits for nothing.
//
// Where a rule stands:
//
//	P1 what was dated stays dated    program.go    L7 saving       field.go
//	P2 programs without plans        program.go    L7 submitting   submission.go
//	L1 one plan                      name.go       L8 confirm      etag.go
//	L2 enrolled                      enrollment.go L9 identity     edit.go
//	L3 states                        lifecycle.go  L10, L11 limits limit.go
//	L4 locked                        edit.go       L12 history     event.go
//	L5, L6 deadlines                 deadline.go   L13 notified    notify.go
//
// That nobody reviews what they submitted is in actor.go.
//
// # What always holds
//
//   - A call either makes its whole change or returns an error and changes
//     nothing. A refusal is a *fault.Error; any other error is a defect, such as a
//     time zone that the machine has lost.
//   - A refusal says the first of these that holds, so that nobody mends a request
//     that cannot succeed: what is asked for does not exist, the caller may not do
//     it, the state is another, the etag is another, a deadline has passed; and else,
//     all violations of the request at once.
//   - Time comes in with the call. It is kept in UTC, to the microsecond.
//   - What is stored passed the checks of saving (rule L7).
//
// # Choices where the rule book is silent
//
//   - Known to the program means listed by it: a program that lists no market, no
//     activity type or no reviewer domain takes no submission.
//   - A fund type or program year that the program does not have is refused when
//     the plan is created, since a plan can never be given another (rule L9).
//   - A program that stops having plans takes no new ones and no first
//     submissions; what it took stands, and can be submitted again.
//   - Programs can drop fund types, activity types, markets and currencies. Plans
//     that were submitted stand; another submission needs what is listed then.
//   - A planned cost can be missing on submission; one that is given is in the plan's currency.
//   - A plan can be created before its program year begins, and approved. A limit
//     change that is approved then applies from the year's first month on.
//   - A limit change asks for another limit than the last one approved. The later
//     of two that take effect in one month replaces the other.
package plan
