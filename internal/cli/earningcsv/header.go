package earningcsv

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/earningtext"
	"github.com/incentives-dev/incentives/internal/fault"
)

// checkHeader names everything that is wrong with the columns at once.
func checkHeader(columns []string) error {
	var wrong []string
	for i, column := range columns {
		switch {
		case !slices.Contains(earningtext.Fields(), column):
			wrong = append(wrong, fmt.Sprintf("column %.80q is not known", column))
		case slices.Contains(columns[:i], column):
			wrong = append(wrong, fmt.Sprintf("column %.80q stands there twice", column))
		}
	}
	for _, column := range earningtext.Fields() {
		if column != earningtext.Description && !slices.Contains(columns, column) {
			wrong = append(wrong, fmt.Sprintf("column %q is missing", column))
		}
	}
	if len(columns) == 1 && strings.ContainsAny(columns[0], ";\t") {
		wrong = []string{"columns are separated by commas"}
	}
	if wrong == nil {
		return nil
	}
	return errors.New("the header is wrong: " + strings.Join(wrong, "; ") +
		" (a file begins with " + strings.Join(earningtext.Fields(), ",") + ", in any order, description at will)")
}

// malformed is a line that cannot be cut into values.
func malformed(format string, args ...any) error {
	return fault.New(fault.Invalid, "LINE_MALFORMED", format, args...)
}
