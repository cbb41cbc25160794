package listing_test

import (
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
)

// What is far too long to be an order is not looked at: it could have millions of parts.
func TestOrdersAreShort(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]string{100: "", 101: "ORDER_BY_INVALID", 1 << 20: "ORDER_BY_INVALID"} {
		var v fault.Violations
		order := listing.ParseOrder(&v, strings.Repeat(" ", length-len("size"))+"size", "name", "size")
		if got := fault.ReasonOf(v.Err()); got != want || want == "" && order.Field != "size" {
			t.Errorf("an order of %d bytes: %v, %+v; want %q", length, v.Err(), order, want)
		}
	}
}
