package systemtest

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const plansOf = "partners/contoso/plans/azure.coop.fy26"

// goodWords are those that name what there is. A field is filled with those that match its pattern.
var goodWords = []string{
	plansOf, "partners/contoso/plans/azure.mdf.fy26", "partners/fabrikam/plans/azure.mdf.fy26", "partners/fabrikam/plans/azure.coop.fy26", "partners/-/plans/-", "partners/contoso/plans/-",
	plansOf + "/campaigns/spring", "partners/contoso/plans/azure.mdf.fy26/campaigns/draft", plansOf + "/campaigns/spring/activities/webinar",
	"partners/contoso/plans/azure.mdf.fy26/campaigns/draft/activities/draft",
	plansOf + "/earnings/x", plansOf + "/earnings/inv:1%2F?x#y", plansOf + "/statements/2026-04", plansOf + "/payouts/2026-05-15",
	"partners/contoso/plans/azure.mdf.fy26/limitChanges/change", plansOf + "/limitChanges/change", plansOf + "/earnings/new",
	"programs/azure", "programs/direct", "programs/azure/payoutRuns/2026-05-15", "programs/azure/payoutRuns/2026-04-15",
	"partners/contoso", "partners/fabrikam", "partners/newcomer", "partners/-", "partners/contoso/enrollments/azure", "partners/fabrikam/enrollments/azure",
	"azure", "coop", "mdf", "fy26", "fy25", "webinar", "spring", "draft", "change", "new", "2026-05-15", "2026-04-15", "2026-05", "x",
	"US", "JP", "USD", "JPY", "America/Los_Angeles", "ana@contoso.com", "contoso.com",
}

// badWords pretend to be something, or are too much of it.
var badWords = []string{
	"", "-", "..", ".", "/", "//", "%", "%2f", "%2e%2e%2f", "%zz", "../../etc/passwd", plansOf + "/../../fabrikam", plansOf + "/", "/" + plansOf,
	plansOf + "\x00", "\x00", "\n", "\r\n", "\t", " ", "\u202e", "\u00ad", "\u2028", "\u212a", "İ", "ﬁ", "Ω", "計画", "partners/ｃｏｎｔｏｓｏ",
	"partners/-/plans/-/earnings/-", "partners/*/plans/*", "programs/azure:preview", "programs/-", "programs/-/payoutRuns/-",
	"2026-13-15", "0000-00-15", "9999-12-15", "0001-01-15", "2026-02-30", "9999-12", "0000-01", "-0001-01-15",
	unsound, "a" + unsound + "b", "partners/" + unsound, strings.Repeat("a", 64), strings.Repeat("é", 300), strings.Repeat("a/", 600),
	strings.Repeat("x", 70_000), "null", "true", "NaN", "-1", "1e999", "{}", "\"", "'", "\\", "$", "Local", "UTC", "Etc/GMT+14", "../UTC", "us", "usd", "XXX", "ZZ", "a@b", "@",
}

// Numbers at the ends of what a type or a rule takes.
var (
	int32s = []int32{1, 0, 2, 50, 1000, 1001, 90, 3650, 3651, -1, math.MaxInt32, math.MinInt32}
	int64s = []int64{1, 0, 100, 12_000, 1e15, 1e18, math.MaxInt64, -1, -500, math.MinInt64, math.MaxInt64 / 100}
	nanos  = []int32{0, 0, 10_000_000, 500_000_000, 1, -1, -10_000_000, 999_999_999, 1_000_000_000, -1_000_000_000, math.MaxInt32, math.MinInt32}
)

// Paths of field masks, which may be those of another message.
var paths = []string{
	"display_name", "description", "objective", "admin_emails", "requested_limit", "start_date", "end_date", "planned_cost", "region_codes", "has_plans",
	"currency_codes", "program_years", "late_earning_days", "resubmission_days", "market", "reviewer_email", "*", "fund_types", "activity_types", "currency_code",
	"", "name", "etag", "state", "create_time", "limits", "campaigns.activities", "requested_limit.units", "display_name.x", "displayName", "program", "time_zone",
	"..", ".", "display_name.", "program_years[0].id", "program_years.0", "\x00", unsound, strings.Repeat("a.", 2000), "pending_limit_change.new_limit.units",
}

var fittingWords = map[protoreflect.FullName][]string{}

var currencies = []string{"USD", "JPY", "", "XXX", "usd", "XAU", "BHD", "EUR", "US" + unsound, "U\x00D"}

var dates = [][3]int32{{2026, 5, 15}, {2026, 4, 15}, {2025, 7, 1}, {2026, 6, 30}, {9999, 12, 15}, {1, 1, 1}, {2026, 2, 29}, {}}

// value makes one of a field that holds no message.
func (g generator) value(field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() { //nolint:exhaustive // no field of a request has another
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(g.roll(2) == 1)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(pick(g.dice, []int32{1, 0, 2, 3, 4, 99, -1, math.MaxInt32, math.MinInt32})))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(choose(g, int32s[:5], int32s))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(choose(g, int64s[:4], int64s))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(g.text()))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(g.words(field))
	}
	return field.Default()
}

// choose picks what is good, or at times anything.
func choose[T any](g generator, good, all []T) T {
	if g.odd(4) {
		return pick(g.dice, all)
	}
	return pick(g.dice, good)
}

func (g generator) words(field protoreflect.FieldDescriptor) string {
	switch {
	case field.Name() == "page_token":
		return g.token()
	case field.Name() == "filter" && g.odd(2):
		return g.filter()
	case field.Name() == "filter":
		return pick(g.dice, append([]string{""}, comparisons[:9]...))
	case field.Name() == "order_by":
		return choose(g, orders[:4], orders)
	case field.FullName() == "google.protobuf.FieldMask.paths":
		return choose(g, paths[:17], paths)
	}
	if g.odd(4) {
		word := pick(g.dice, goodWords)
		at := g.roll(len(word) + 1)
		bad := pick(g.dice, []string{pick(g.dice, badWords), g.text()})
		return pick(g.dice, []string{bad, word[:at] + bad + word[at:], word})
	}
	if fitting := fitting(field); len(fitting) > 0 {
		word := pick(g.dice, fitting)
		if strings.Contains(word, "/limitChanges/") && !g.odd(4) {
			return g.change
		}
		return word
	}
	return pick(g.dice, []string{"More.", "Spring", "wire-1"})
}

// fitting are the good words for a field: those that match its pattern, or that of the resource which it is the name of.
func fitting(field protoreflect.FieldDescriptor) []string {
	if words, ok := fittingWords[field.FullName()]; ok {
		return words
	}
	var pattern string
	if rules, ok := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules); ok {
		pattern = rules.GetString().GetPattern()
		if field.IsList() {
			pattern = rules.GetRepeated().GetItems().GetString().GetPattern()
		}
	}
	if resource, ok := proto.GetExtension(field.ContainingMessage().Options(), annotations.E_Resource).(*annotations.ResourceDescriptor); ok && field.Name() == "name" && resource != nil {
		pattern = "^" + regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(resource.GetPattern()[0], "[^/]+") + "$"
	}
	var words []string
	switch field.Name() {
	case "time_zone":
		words = []string{"America/Los_Angeles", "UTC"}
	case "plans":
		words = goodWords[:4]
	case "reviewer_email", "admin_emails":
		words = []string{"ana@contoso.com"}
	case "reviewer_email_domains":
		words = []string{"contoso.com"}
	default:
		if expression := regexp.MustCompile(pattern); pattern != "" {
			words = slices.Clone(goodWords)
			words = slices.DeleteFunc(words, func(word string) bool { return !expression.MatchString(word) })
		}
	}
	fittingWords[field.FullName()] = words
	return words
}

func (g generator) money(m protoreflect.Message) {
	set(m, "currency_code", protoreflect.ValueOfString(choose(g, currencies[:1], currencies)))
	set(m, "units", protoreflect.ValueOfInt64(choose(g, int64s[:4], int64s)))
	set(m, "nanos", protoreflect.ValueOfInt32(choose(g, nanos[:3], nanos)))
}

func (g generator) date(m protoreflect.Message) {
	date := choose(g, dates[:4], dates)
	for i, name := range []protoreflect.Name{"year", "month", "day"} {
		if g.odd(8) {
			date[i] = pick(g.dice, append([]int32{13, 32, 31, 12, 10_000, 9999, -9999}, int32s...))
		}
		set(m, name, protoreflect.ValueOfInt32(date[i]))
	}
}

func (g generator) time(m protoreflect.Message) {
	const first, last = -62135596800, 253402300799 // of what a timestamp may hold
	seconds := clock.AddDate(0, -g.roll(11), 0).Unix()
	if g.odd(5) {
		seconds = pick(g.dice, append([]int64{first, first - 1, last, last + 1, 1<<53 + 1}, int64s...))
	}
	set(m, "seconds", protoreflect.ValueOfInt64(seconds))
	set(m, "nanos", protoreflect.ValueOfInt32(choose(g, nanos[:5], nanos)))
}

func set(m protoreflect.Message, name protoreflect.Name, value protoreflect.Value) {
	m.Set(m.Descriptor().Fields().ByName(name), value)
}
