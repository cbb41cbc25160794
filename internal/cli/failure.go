package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/incentives-dev/incentives/internal/fault"
)

// ErrPartial is what a command returns that has done its work but for a part,
// and has listed that part: nothing more is printed, and the exit status is
// StatusPartial.
var ErrPartial = errors.New("done in part")

// status prints err, if there is anything to print, and returns its exit status.
func status(console *Console, err error) int {
	switch {
	case err == nil:
		return StatusDone
	case errors.Is(err, ErrPartial):
		return StatusPartial
	}
	printError(console, err)
	return StatusFailed
}

// printError prints one line, and one more for each violation where there are several.
func printError(console *Console, err error) {
	refusal, ok := errors.AsType[*fault.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		console.Notef("incentives: interrupted")
	case !ok:
		console.Notef("incentives: %s", Plain(err.Error()))
	case len(refusal.Fields) > 1:
		console.Notef("incentives: %d things are wrong with the request (%s)", len(refusal.Fields), refusal.Reason)
		for _, field := range refusal.Fields {
			console.Notef("  %s: %s (%s)", field.Path, Plain(field.Message), field.Reason)
		}
	default:
		console.Notef("incentives: %s", Sentence(err))
	}
}

// Sentence is err on one line, with its reason where it has one.
func Sentence(err error) string {
	if reason := fault.ReasonOf(err); reason != "" {
		return fmt.Sprintf("%s (%s)", Plain(err.Error()), reason)
	}
	return Plain(err.Error())
}
