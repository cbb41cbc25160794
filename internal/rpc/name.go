package rpc

import (
	"strings"

	"github.com/incentives-dev/incentives/internal/fault"
)

// ValidID tells whether id is [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?
func ValidID(id string) bool {
	for i := range len(id) {
		c := id[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (c != '-' || i == 0 || i == len(id)-1) {
			return false
		}
	}
	return id != "" && len(id) <= 63
}

// A segment says what stands for one {variable} of a name's pattern.
type segment func(string) bool

// segments are the variables whose values are not ids.
var segments = map[string]segment{
	"plan":     validPlanID,
	"earning":  validEarningID,
	"month":    func(s string) bool { return s != "" },
	"pay_date": func(s string) bool { return s != "" },
	"event":    func(s string) bool { return s != "" },
	"any_id":   func(s string) bool { return s == "-" || ValidID(s) },
	"any_plan": func(s string) bool { return s == "-" || validPlanID(s) },
}

// validPlanID tells whether id is {program}.{fund_type}.{program_year}.
func validPlanID(id string) bool {
	parts := strings.SplitN(id, ".", 4)
	return len(parts) == 3 && ValidID(parts[0]) && ValidID(parts[1]) && ValidID(parts[2])
}

// validEarningID tells whether id is 1 to 128 printable ASCII characters without "/" and space.
func validEarningID(id string) bool {
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '/' {
			return false
		}
	}
	return id != "" && len(id) <= 128
}

// Name reads a resource name by a pattern such as "partners/{mpn_id}/plans/{plan}",
// and returns the values of its variables, in order. Each is an id, but
//
//   - {plan}, which is three of them with dots between,
//   - {earning}, 1 to 128 printable ASCII characters without "/" and space,
//   - {month}, {pay_date} and {event}, which are read by those that know them,
//   - {any_id} and {any_plan}, which can be "-".
//
// Where the name is malformed it records so at path, and the values are all empty.
func Name(v *fault.Violations, path, pattern, name string) []string {
	want := strings.Split(pattern, "/")
	got := strings.SplitN(name, "/", len(want)+1) // a name that is millions of "/" would take sixteen times its size
	values := make([]string, 0, 3)
	matches := len(got) == len(want)
	for i := 0; matches && i < len(want); i++ {
		variable := strings.Trim(want[i], "{}")
		if variable == want[i] { // a fixed part
			matches = got[i] == want[i]
			continue
		}
		valid, special := segments[variable]
		if !special {
			valid = ValidID
		}
		matches = valid(got[i])
		values = append(values, got[i])
	}
	if !matches {
		malformed(v, path, pattern, name)
		return make([]string, strings.Count(pattern, "{"))
	}
	return values
}

func malformed(v *fault.Violations, path, pattern, name string) {
	pattern = strings.NewReplacer("any_id", "mpn_id", "any_plan", "plan").Replace(pattern)
	if name == "" {
		v.Add(path, "FIELD_REQUIRED", "is required: %s", pattern)
		return
	}
	v.Add(path, "NAME_MALFORMED", "%.80q is not a name in the form %s", name, pattern)
}
