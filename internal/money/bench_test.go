package money_test

import (
	"testing"

	moneypb "google.golang.org/genproto/googleapis/type/money"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// BenchmarkWire reads an amount as every earning has one, and writes it.
func BenchmarkWire(b *testing.B) {
	wire := &moneypb.Money{CurrencyCode: "USD", Units: 123, Nanos: 450_000_000}
	b.ReportAllocs()
	for b.Loop() {
		var v fault.Violations
		if back := money.ToWire(money.FromWire(&v, "amount", wire)); back.GetNanos() != wire.GetNanos() {
			b.Fatalf("it came back as %v", back)
		}
	}
}
