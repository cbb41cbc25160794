package plan

import (
	"fmt"
	"strings"

	"github.com/incentives-dev/incentives/internal/fault"
)

// maxID is the greatest length of an id, in characters.
const maxID = 63

// A Name is what a plan is known by. A partner has one plan for each program,
// fund type and program year, since the plan's id is made of these three; an
// id has no dot, so that no two plans share one. Rule L1.
type Name struct {
	Partner     string // the partner's MPN ID
	Program     string // the program's id
	FundType    string // the fund type's id
	ProgramYear string // the program year's id
}

// ParseName reads partners/{mpn_id}/plans/{program}.{fund_type}.{program_year}.
func ParseName(text string) (Name, error) {
	parts := strings.SplitN(text, "/", 5)
	if len(parts) != 4 || parts[0] != "partners" || parts[2] != "plans" {
		return Name{}, fmt.Errorf("%.300q is not partners/{mpn_id}/plans/{program}.{fund_type}.{program_year}", text)
	}
	return NameOf(parts[1], parts[3])
}

// NameOf returns the name of a partner's plan with an id {program}.{fund_type}.{program_year}.
func NameOf(partner, id string) (Name, error) {
	if !ValidID(partner) {
		return Name{}, fmt.Errorf("%.300q is not an MPN ID", partner)
	}
	parts := strings.SplitN(id, ".", 4)
	if len(parts) != 3 || !ValidID(parts[0]) || !ValidID(parts[1]) || !ValidID(parts[2]) {
		return Name{}, fmt.Errorf("%.300q is not {program}.{fund_type}.{program_year}", id)
	}
	return Name{Partner: partner, Program: parts[0], FundType: parts[1], ProgramYear: parts[2]}, nil
}

// ID is {program}.{fund_type}.{program_year}.
func (n Name) ID() string { return n.Program + "." + n.FundType + "." + n.ProgramYear }

// String is partners/{mpn_id}/plans/{id}.
func (n Name) String() string { return "partners/" + n.Partner + "/plans/" + n.ID() }

// Campaign is the name of the plan's campaign with an id.
func (n Name) Campaign(id string) string { return n.String() + "/campaigns/" + id }

// Activity is the name of an activity of the plan's campaign with an id.
func (n Name) Activity(campaign, id string) string { return n.Campaign(campaign) + "/activities/" + id }

// LimitChange is the name of the plan's limit change with an id.
func (n Name) LimitChange(id string) string { return n.String() + "/limitChanges/" + id }

// Event is the name of the plan's event with a number. Rule L12.
func (n Name) Event(number int64) string { return n.String() + "/events/" + EventID(number) }

// MarshalText is String.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText is ParseName.
func (n *Name) UnmarshalText(text []byte) error {
	parsed, err := ParseName(string(text))
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}

// ValidID tells whether id is [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?
func ValidID(id string) bool {
	if id == "" || len(id) > maxID || id[0] == '-' || id[len(id)-1] == '-' {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// CheckID records ID_MALFORMED where id is not a ValidID, FIELD_REQUIRED where
// it is empty, and tells whether it passed.
func CheckID(v *fault.Violations, path, id string) bool {
	switch {
	case id == "":
		v.Add(path, "FIELD_REQUIRED", "is required")
	case !ValidID(id):
		v.Add(path, "ID_MALFORMED", "%.80q is not an id: 1 to %d of a-z, 0-9 and -, neither first nor last a -", id, maxID)
	default:
		return true
	}
	return false
}
