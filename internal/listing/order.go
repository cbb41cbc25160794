package listing

import (
	"errors"
	"slices"
	"strings"

	"go.einride.tech/aip/ordering"

	"github.com/incentives-dev/incentives/internal/fault"
)

// An Order is what a list is ordered by. Entries that are equal in it are ordered by name.
type Order struct {
	Field string
	Desc  bool
}

// maxOrderLength is far above any order, in bytes. Of a text that is nothing but commas as large as a message, a list of its parts would be made.
const maxOrderLength = 100

var errTooLong = errors.New("it is too long")

// ParseOrder reads an AIP-132 order of one of the fields, the first of them
// where it is empty, and records in v, at "order_by", that it is another.
func ParseOrder(v *fault.Violations, orderBy string, fields ...string) Order {
	var parsed ordering.OrderBy
	err := errTooLong
	if len(orderBy) <= maxOrderLength {
		err = parsed.UnmarshalString(orderBy)
	}
	switch {
	case err == nil && len(parsed.Fields) == 0:
		return Order{Field: fields[0]}
	case err == nil && len(parsed.Fields) == 1 && slices.Contains(fields, parsed.Fields[0].Path):
		return Order{Field: parsed.Fields[0].Path, Desc: parsed.Fields[0].Desc}
	}
	v.Add("order_by", "ORDER_BY_INVALID", "is not one of %s, alone or followed by \" desc\"", strings.Join(fields, ", "))
	return Order{Field: fields[0]}
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
