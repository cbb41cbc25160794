package bench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/upload"
	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// Outcomes are what became of the earnings that were streamed. What is recorded newly costs more than a duplicate, and what is
// rejected was not done, so that a rate says little without them.
type Outcomes struct {
	Recorded   int64            `json:"recorded"`
	Duplicates int64            `json:"duplicates"`
	Rejected   int64            `json:"rejected"`
	Reasons    map[string]int64 `json:"rejected_by_reason,omitempty"`

	examples map[string]string // why one earning was rejected, by reason
}

// batch counts what became of the earnings of a batch, and how long it took. Rejected ones are not among what is done.
func (m *meter) batch(outcomes []*payoutv1.EarningOutcome, took time.Duration) {
	var batch Outcomes
	for _, outcome := range outcomes {
		batch.add(outcome)
	}
	m.mu.Lock()
	m.outcomes.join(&batch)
	m.mu.Unlock()
	m.count(batch.Recorded+batch.Duplicates, took, nil)
}

// add counts the outcome of one earning.
func (o *Outcomes) add(outcome *payoutv1.EarningOutcome) {
	switch outcome.GetState() {
	case payoutv1.EarningOutcome_RECORDED:
		o.Recorded++
	case payoutv1.EarningOutcome_DUPLICATE:
		o.Duplicates++
	default:
		err := upload.Refusal(outcome)
		if err == nil {
			err = fmt.Errorf("its state is %s", outcome.GetState())
		}
		reason := cmp.Or(fault.ReasonOf(err), codes.Code(outcome.GetStatus().GetCode()).String())
		o.reject(reason, 1, err.Error())
	}
}

// reject counts n earnings that were rejected for one reason.
func (o *Outcomes) reject(reason string, n int64, example string) {
	if o.Reasons == nil {
		o.Reasons, o.examples = map[string]int64{}, map[string]string{}
	}
	o.Rejected += n
	o.Reasons[reason] += n
	if o.examples[reason] == "" {
		o.examples[reason] = example
	}
}

// join takes in others.
func (o *Outcomes) join(others *Outcomes) {
	o.Recorded += others.Recorded
	o.Duplicates += others.Duplicates
	for reason, n := range others.Reasons {
		o.reject(reason, n, others.examples[reason])
	}
}

// show prints them for people; nothing where none were streamed.
func (o *Outcomes) show(console *cli.Console) {
	if o == nil {
		return
	}
	console.Printf("%s recorded, %s duplicates, %s rejected\n", cli.Count(o.Recorded), cli.Count(o.Duplicates), cli.Count(o.Rejected))
	for _, reason := range slices.Sorted(maps.Keys(o.Reasons)) {
		console.Printf("  %s: %s, such as: %s\n", reason, cli.Count(o.Reasons[reason]), cli.Plain(o.examples[reason]))
	}
}

// err is [cli.ErrPartial] where some were rejected, and says why where all were.
func (o *Outcomes) err() error {
	switch {
	case o == nil || o.Rejected == 0:
		return nil
	case o.Recorded+o.Duplicates > 0:
		return cli.ErrPartial
	}
	var why []string
	for _, reason := range slices.Sorted(maps.Keys(o.Reasons)) {
		why = append(why, fmt.Sprintf("%s: %s", reason, o.examples[reason]))
	}
	return fmt.Errorf("all %s earnings were rejected, such as: %s", cli.Count(o.Rejected), strings.Join(why, "; "))
}
