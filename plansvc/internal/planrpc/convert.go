package planrpc

import (
	"time"

	"github.com/biter777/countries"
	"google.golang.org/genproto/googleapis/type/date"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

// day reads the date at path.
func day(v *fault.Violations, path string, d *date.Date) plan.Date {
	t := rpc.Date(v, path, d)
	if t.IsZero() {
		return plan.Date{}
	}
	return plan.DateOf(t, time.UTC)
}

func wireDay(d plan.Date) *date.Date {
	if d.IsZero() {
		return nil
	}
	return &date.Date{Year: int32(d.Year), Month: int32(d.Month), Day: int32(d.Day)}
}

// checkCountries records codes that are not ISO 3166-1 alpha-2. Of a list that is too long the rules say so, and its entries are not
// looked at.
func checkCountries(v *fault.Violations, path string, codes []string) {
	if len(codes) > plan.MaxRegions {
		return
	}
	for i, code := range codes {
		if !knownCountry(code) {
			v.At(path, i).Add("", "COUNTRY_UNKNOWN", "%.20q is not an ISO 3166-1 alpha-2 code", code)
		}
	}
}

// knownCountry tells whether code is an officially assigned ISO 3166-1 alpha-2
// code. The library also knows the Netherlands Antilles, withdrawn in 2010, and
// Kosovo, which ISO has not assigned. It takes a time that grows with the square
// of a text's length, so that it is given no other than two letters.
func knownCountry(code string) bool {
	if len(code) != 2 {
		return false
	}
	country := countries.ByName(code)
	return country.IsValid() && country.Alpha2() == code && country != countries.ANT && country != countries.XKX
}

// planName reads the plan's name at path.
func planName(v *fault.Violations, path, name string) plan.Name {
	values := rpc.Name(v, path, "partners/{mpn_id}/plans/{plan}", name)
	n, _ := plan.NameOf(values[0], values[1]) // what is malformed was recorded
	return n
}

// childName reads the name of something in a plan at path: its plan, and its ids.
func childName(v *fault.Violations, path, pattern, name string) (plan.Name, []string) {
	values := rpc.Name(v, path, "partners/{mpn_id}/plans/{plan}/"+pattern, name)
	n, _ := plan.NameOf(values[0], values[1]) // what is malformed was recorded
	return n, values[2:]
}

// partner reads the partner that is a request's parent; "" stands for all of them where that is allowed.
func partner(v *fault.Violations, name string, all bool) string {
	pattern := "partners/{mpn_id}"
	if all {
		pattern = "partners/{any_id}"
	}
	id := rpc.Name(v, "parent", pattern, name)[0]
	if id == "-" {
		return ""
	}
	return id
}

// list converts every element.
func list[From, To any](from []From, convert func(From) To) []To {
	to := make([]To, len(from))
	for i, f := range from {
		to[i] = convert(f)
	}
	return to
}

// admins are who is notified of decisions (rule L13): nobody where the partner is
// no longer enrolled.
func admins(e *plan.Enrollment) []string {
	if e == nil {
		return nil
	}
	return e.AdminEmails
}
