package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/cli/upload"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// earningsEach is how many earnings make up what a partner earned.
const earningsEach = 80

// recordEarnings streams a month of earnings, in the order of their times.
func recordEarnings(ctx context.Context, payouts payoutv1.PayoutServiceClient, all []partner, done func(count int64)) error {
	var sent int
	var recorded int64
	stream := upload.Upload[struct{}]{
		Client: payouts,
		Next: func() (upload.Item[struct{}], error) {
			if sent == len(all)*earningsEach {
				return upload.Item[struct{}]{}, io.EOF
			}
			sent++
			return upload.Item[struct{}]{Earning: earning(all[(sent-1)%len(all)], (sent-1)/len(all))}, nil
		},
		Done: func(item upload.Item[struct{}], outcome *payoutv1.EarningOutcome) error {
			if err := upload.Refusal(outcome); err != nil {
				return fmt.Errorf("%s: %w", item.Earning.GetName(), err)
			}
			recorded++
			done(recorded)
			return nil
		},
	}
	return stream.Run(ctx)
}

// earning is the i-th of a partner's earnings in April; the last one makes them add up.
func earning(p partner, i int) *payoutv1.Earning {
	units := p.earned / earningsEach
	if i == earningsEach-1 {
		units += p.earned % earningsEach
	}
	april := time.Date(2026, time.April, 1, 12, 0, 0, 0, time.UTC)
	return &payoutv1.Earning{
		Name:        fmt.Sprintf("%s/earnings/sale-%03d", p.plan(), i+1),
		Amount:      &moneypb.Money{CurrencyCode: p.currency, Units: units},
		EarnTime:    timestamppb.New(april.Add(time.Duration(i) * 8 * time.Hour)),
		Description: "Sale of Azure consumption",
	}
}
