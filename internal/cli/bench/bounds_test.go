package bench_test

import (
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/cli"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// What can't be measured is refused at the start, in one line.
func TestBounds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"ingest --count 9223372036854775807 --streams 4", "--count is at most"},
		{"ingest --batch 9223372036854775807", "--batch 5000"},
		{"ingest --streams 25", "--streams 24"},
		{"ingest --count 10 --plans 4000000000", "--plans is at most"},
		{"api record --workers 1000000", "--workers is at most"},
		{"api record --duration 1ns", "nothing was done"},
		{"api plan --gateway 127.0.0.1:28080", "--gateway is such as http://127.0.0.1:8080"},
		{"api plan --gateway localhost:28080", "--gateway is such as http://127.0.0.1:8080"},
		{"api plan --gateway http://127.0.0.1:1 --token-file token", "--token-file and --tls-"},
		{"api plan --gateway https://127.0.0.1:1 --tls-ca ca.crt", "--token-file and --tls-"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			s := &service{stream: each(func(_ int, earnings []*payoutv1.Earning) []*payoutv1.EarningOutcome {
				return all(earnings, payoutv1.EarningOutcome_RECORDED, nil)
			})}
			got := s.do(t, strings.Fields(test.args)...)
			if got.status != cli.StatusFailed || !strings.Contains(got.err, test.want) {
				t.Errorf("status %d, %q; want %d, %q", got.status, got.err, cli.StatusFailed, test.want)
			}
		})
	}
}
