// Package fault is the vocabulary of refusal: the errors that a rule can
// answer with, without a word about the transport that carries them.
//
// A rule makes an *Error; package rpc maps its Kind to a gRPC code and back.
// Whatever is not an *Error is a defect or an outage, and its text stays
// inside the process.
package fault

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// A Kind says what the caller can do about a refusal.
type Kind int

// The kinds. The zero Kind is not used, so that a forgotten one shows.
const (
	Invalid         Kind = iota + 1 // the request is wrong whatever the state: mend it
	NotFound                        // it does not exist, or not for this caller
	Exists                          // it exists already
	State                           // the request is well-formed, but not possible now
	Conflict                        // somebody else was faster: read again, then retry
	Limit                           // too much: send less, or later
	Denied                          // the caller sees it, but may not do this
	Unauthenticated                 // the caller is not known
	Unavailable                     // a dependency is out: retry
)

// An Error is one refusal.
type Error struct {
	Kind Kind
	// Reason is a stable UPPER_SNAKE_CASE word for programs, such as PLAN_NOT_EDITING.
	Reason string
	// Message is one sentence for people.
	Message string
	// Fields are the violations of an Invalid request, all of them.
	Fields []Violation
	// Details are stable facts for programs, such as {"state": "APPROVED"}.
	Details map[string]string
	// RetryAfter is when the same may be asked again, where that is known.
	RetryAfter time.Duration
	// Cause is a word for the log that no caller is told.
	Cause string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// With adds one detail and returns e.
func (e *Error) With(key, value string) *Error {
	if e.Details == nil {
		e.Details = map[string]string{}
	}
	e.Details[key] = value
	return e
}

// New makes an Error; its message is formatted as by fmt.Sprintf.
func New(kind Kind, reason, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind of the *Error in err's chain, and zero where there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return 0
}

// ReasonOf returns the reason of the *Error in err's chain, and "" where there is none.
func ReasonOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// A defectError is what a panic has become.
type defectError struct{ text string }

func (e *defectError) Error() string { return e.text }

// IsDefect tells whether err is a panic that was recovered.
func IsDefect(err error) bool {
	_, ok := errors.AsType[*defectError](err)
	return ok
}

// Recovered is to be deferred: a panic becomes an error that says what was interrupted by it, and where.
//
//nolint:gocritic // a deferred function answers through the named result
func Recovered(err *error, what string) {
	if r := recover(); r != nil {
		*err = &defectError{text: fmt.Sprintf("%s was interrupted by a defect: %v\n%s", what, r, debug.Stack())}
	}
}
