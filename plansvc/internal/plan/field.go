package plan

import (
	"net/mail"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// Lengths are in characters.
const (
	maxDisplayName         = 200
	maxDescription         = 2000 // of a plan
	maxObjective           = 2000
	maxActivityDescription = 1000
	maxComment             = 2000
	maxLimitChangeReason   = 2000
	maxEmail               = 320
	maxURI                 = 2000
)

// MaxRegions is the most region codes or markets of one list.
const MaxRegions = 300

// check records what is wrong with each field of a plan by itself. Rule L7, saving.
func (c Content) check(v *fault.Violations) {
	checkDisplayName(v, c.DisplayName)
	checkLength(v, "description", c.Description, maxDescription)
	if c.Market != "" {
		checkRegion(v, "market", c.Market)
	}
	if c.CurrencyCode != "" {
		checkCurrency(v, "currency_code", c.CurrencyCode)
	}
	if c.ReviewerEmail != "" {
		checkEmail(v, "reviewer_email", c.ReviewerEmail)
	}
	checkAmount(v, "requested_limit", c.RequestedLimit)
}

// check records what is wrong with each field of a campaign by itself. Rule L7, saving.
func (c CampaignContent) check(v *fault.Violations) {
	checkDisplayName(v, c.DisplayName)
	checkLength(v, "objective", c.Objective, maxObjective)
	checkDates(v, c.StartDate, c.EndDate)
}

// check records what is wrong with each field of an activity by itself. Rule L7, saving.
func (a ActivityContent) check(v *fault.Violations) {
	checkDisplayName(v, a.DisplayName)
	if a.ActivityType != "" {
		CheckID(v, "activity_type", a.ActivityType)
	}
	checkRegions(v, "region_codes", a.RegionCodes)
	checkDates(v, a.StartDate, a.EndDate)
	checkAmount(v, "planned_cost", a.PlannedCost)
	checkLength(v, "description", a.Description, maxActivityDescription)
}

func checkDisplayName(v *fault.Violations, name string) {
	checkPresent(v, "display_name", name)
	checkLength(v, "display_name", name, maxDisplayName)
}

func checkPresent(v *fault.Violations, path, text string) {
	if strings.TrimSpace(text) == "" {
		v.Add(path, "FIELD_REQUIRED", "is required")
	}
}

// checkLength tells whether text passed; what is too long is not looked at any further.
func checkLength(v *fault.Violations, path, text string, most int) bool {
	n := utf8.RuneCountInString(text)
	if n > most {
		v.Add(path, "FIELD_TOO_LONG", "has %d characters, and can have %d", n, most)
	}
	return n <= most
}

// checkCount tells whether a list passed; the entries of one that is too long are not looked at.
func checkCount(v *fault.Violations, path string, n, most int) bool {
	if n > most {
		v.Add(path, "TOO_MANY", "has %d entries, and can have %d", n, most)
	}
	return n <= most
}

// checkUnique records each value that stands in a list more than once, from
// its second place on, at the path of that place.
func checkUnique(values []string, at func(i int) *fault.Violations) {
	seen := make(map[string]bool, len(values))
	for i, value := range values {
		if seen[value] {
			at(i).Add("", "DUPLICATE", "%.80q is there already", value)
		}
		seen[value] = true
	}
}

// A check records what is wrong with one value.
type check func(v *fault.Violations, path, value string)

// checkEach checks the values of a list, each of which stands there once.
func checkEach(v *fault.Violations, path string, values []string, one check) {
	for i, value := range values {
		one(v.At(path, i), "", value)
	}
	checkUnique(values, func(i int) *fault.Violations { return v.At(path, i) })
}

func checkRegions(v *fault.Violations, path string, codes []string) {
	if checkCount(v, path, len(codes), MaxRegions) {
		checkEach(v, path, codes, checkRegion)
	}
}

func checkRegion(v *fault.Violations, path, code string) {
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		v.Add(path, "REGION_MALFORMED", "%.80q is not an ISO 3166-1 alpha-2 code, such as US", code)
	}
}

func checkCurrency(v *fault.Violations, path, code string) {
	if !money.Known(code) {
		v.Add(path, "CURRENCY_UNKNOWN", "%.80q is not an ISO 4217 currency code", code)
	}
}

// checkEmail admits one address alone, without a display name or a comment.
func checkEmail(v *fault.Violations, path, email string) {
	if !checkLength(v, path, email, maxEmail) {
		return
	}
	if address, err := mail.ParseAddress(email); err != nil || address.Address != email {
		v.Add(path, "EMAIL_MALFORMED", "%q is not an e-mail address, such as ana@contoso.com", email)
	}
}

// checkURI admits an absolute http or https URI.
func checkURI(v *fault.Violations, path, uri string) {
	if !checkLength(v, path, uri, maxURI) {
		return
	}
	u, err := url.Parse(uri)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.Contains(uri, " ") {
		v.Add(path, "URI_MALFORMED", "%q is not an http or https URI", uri)
	}
}

// checkDates admits dates of the calendar, one or both missing, in order.
func checkDates(v *fault.Violations, start, end Date) {
	ok := checkDate(v, "start_date", start)
	ok = checkDate(v, "end_date", end) && ok
	if ok && !start.IsZero() && !end.IsZero() && end.Before(start) {
		v.Add("end_date", "END_BEFORE_START", "%s is before the start date, %s", end, start)
	}
}

func checkDate(v *fault.Violations, path string, d Date) bool {
	if d.IsZero() || d.Valid() {
		return true
	}
	v.Add(path, "DATE_MALFORMED", "%s is not a day of the calendar", d)
	return false
}

// checkAmount admits a missing amount, and one that is exact, not too large and not negative.
func checkAmount(v *fault.Violations, path string, m money.Money) {
	if isMissing(m) {
		return
	}
	if money.Check(v, path, m) && m.Sign() < 0 {
		v.Add(path, "AMOUNT_NEGATIVE", "%s is below zero", m)
	}
}

// isMissing tells the Money that was not given from one that is zero of a currency.
func isMissing(m money.Money) bool { return m.Currency == "" && m.IsZero() }
