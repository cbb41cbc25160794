package plan

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
)

// The most entries that the lists of a program have.
const (
	maxCurrencies      = 200
	maxFundTypes       = 100
	maxProgramYears    = 100
	maxActivityTypes   = 100
	maxReviewerDomains = 100
)

const (
	maxTimeZone = 100 // characters
	maxDomain   = 253 // characters
	maxDays     = 3650
)

// check records all that is wrong with a program.
func (c ProgramContent) check(v *fault.Violations) {
	checkDisplayName(v, c.DisplayName)
	checkTimeZone(v, "time_zone", c.TimeZone)
	c.checkCurrencies(v)
	checkRegions(v, "markets", c.Markets)
	c.checkFundTypes(v)
	c.checkProgramYears(v)
	c.checkActivityTypes(v)
	c.checkReviewerDomains(v)
	checkDays(v, "resubmission_days", c.ResubmissionDays)
	checkDays(v, "late_earning_days", c.LateEarningDays)
	if c.GuideURI != "" {
		checkURI(v, "guide_uri", c.GuideURI)
	}
}

func (c ProgramContent) checkCurrencies(v *fault.Violations) {
	if len(c.CurrencyCodes) == 0 {
		v.Add("currency_codes", "FIELD_REQUIRED", "at least one is required")
	}
	if checkCount(v, "currency_codes", len(c.CurrencyCodes), maxCurrencies) {
		checkEach(v, "currency_codes", c.CurrencyCodes, checkCurrency)
	}
}

func (c ProgramContent) checkFundTypes(v *fault.Violations) {
	if !checkCount(v, "fund_types", len(c.FundTypes), maxFundTypes) {
		return
	}
	ids := make([]string, len(c.FundTypes))
	for i, f := range c.FundTypes {
		ids[i] = f.ID
		checkDisplayName(v.At("fund_types", i), f.DisplayName)
	}
	checkIDs(v, "fund_types", ids)
}

func (c ProgramContent) checkActivityTypes(v *fault.Violations) {
	if !checkCount(v, "activity_types", len(c.ActivityTypes), maxActivityTypes) {
		return
	}
	ids := make([]string, len(c.ActivityTypes))
	for i, a := range c.ActivityTypes {
		ids[i] = a.ID
		checkDisplayName(v.At("activity_types", i), a.DisplayName)
	}
	checkIDs(v, "activity_types", ids)
}

// checkProgramYears admits years of which each is in order, and no two share a day.
func (c ProgramContent) checkProgramYears(v *fault.Violations) {
	if !checkCount(v, "program_years", len(c.ProgramYears), maxProgramYears) {
		return
	}
	ids := make([]string, len(c.ProgramYears))
	for i, year := range c.ProgramYears {
		ids[i] = year.ID
		in := v.At("program_years", i)
		if year.StartDate.IsZero() {
			in.Add("start_date", "FIELD_REQUIRED", "is required")
		}
		if year.EndDate.IsZero() {
			in.Add("end_date", "FIELD_REQUIRED", "is required")
		}
		checkDates(in, year.StartDate, year.EndDate)
		if j := slices.IndexFunc(c.ProgramYears[:i], year.overlaps); j >= 0 {
			in.Add("", "PROGRAM_YEARS_OVERLAP", "%.80q overlaps %.80q", year.ID, c.ProgramYears[j].ID)
		}
	}
	checkIDs(v, "program_years", ids)
}

// checkIDs checks the ids of a list's entries, in which each stands once.
func checkIDs(v *fault.Violations, path string, ids []string) {
	for i, id := range ids {
		CheckID(v.At(path, i), "id", id)
	}
	checkUnique(ids, func(i int) *fault.Violations { return v.At(path, i).In("id") })
}

func (c ProgramContent) checkReviewerDomains(v *fault.Violations) {
	if !checkCount(v, "reviewer_email_domains", len(c.ReviewerEmailDomains), maxReviewerDomains) {
		return
	}
	for i, domain := range c.ReviewerEmailDomains {
		checkDomain(v.At("reviewer_email_domains", i), "", domain)
	}
}

// overlaps tells whether both years are ranges of days, and share one.
func (y ProgramYear) overlaps(other ProgramYear) bool {
	return y.isRange() && other.isRange() && !y.EndDate.Before(other.StartDate) && !other.EndDate.Before(y.StartDate)
}

func (y ProgramYear) isRange() bool {
	return y.StartDate.Valid() && y.EndDate.Valid() && !y.EndDate.Before(y.StartDate)
}

// checkTimeZone admits the zones that every machine has, by their names. "Local"
// and "localtime" are another one on each, "Factory" says that nobody has chosen
// one, and the variants below "posix" and "right" are only on some. A name that
// is a way through folders, such as "America//Lima", is none, though it may load.
func checkTimeZone(v *fault.Violations, field, name string) {
	checkPresent(v, field, name)
	if name == "" || !checkLength(v, field, name, maxTimeZone) {
		return
	}
	_, err := time.LoadLocation(name)
	odd := strings.EqualFold(name, "local") || name == "localtime" || name == "Factory" || path.Clean(name) != name ||
		strings.HasPrefix(name, "posix") || strings.HasPrefix(name, "right/")
	if err != nil || odd {
		v.Add(field, "TIME_ZONE_UNKNOWN", "%q is not an IANA time zone, such as America/Los_Angeles", name)
	}
}

// checkDomain admits a name of the domain name system, labels separated by dots.
func checkDomain(v *fault.Violations, path, domain string) {
	if !checkLength(v, path, domain, maxDomain) {
		return
	}
	for label := range strings.SplitSeq(domain, ".") {
		if !ValidID(strings.ToLower(label)) {
			v.Add(path, "DOMAIN_MALFORMED", "%q is not a domain, such as contoso.com", domain)
			return
		}
	}
}

func checkDays(v *fault.Violations, path string, days *int) {
	if days != nil && (*days < 0 || *days > maxDays) {
		v.Add(path, "OUT_OF_RANGE", "%d is not within 0 and %d days", *days, maxDays)
	}
}
