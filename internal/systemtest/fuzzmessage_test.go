package systemtest

import (
	"math"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/incentives-dev/incentives/internal/listing"
)

// A dice makes choices out of the bytes of a fuzzer, so that it can change them one by one and write down those that
// fail. When they are used up, every choice is the first one, which is always the tamest.
type dice struct{ bytes []byte }

// roll chooses one of n.
func (d *dice) roll(n int) int {
	if len(d.bytes) == 0 || n <= 1 {
		return 0
	}
	chosen := int(d.bytes[0])
	d.bytes = d.bytes[1:]
	if n > 256 && len(d.bytes) > 0 {
		chosen = chosen<<8 | int(d.bytes[0])
		d.bytes = d.bytes[1:]
	}
	return chosen % n
}

// rarely is true once in so many times.
func (d *dice) rarely(times int) bool { return d.roll(times) == times-1 }

func pick[T any](d *dice, from []T) T { return from[d.roll(len(from))] }

// text takes some of the bytes as they are.
func (d *dice) text() string {
	n := min(d.roll(40), len(d.bytes))
	text := string(d.bytes[:n])
	d.bytes = d.bytes[n:]
	return strings.ToValidUTF8(text, unsound)
}

// unsound stands in a message for bytes that are no UTF-8, which no message can be made with. It is replaced by as many
// bytes when the message has been encoded.
const unsound = "\uf8ff"

func spoil(encoded []byte) []byte {
	return []byte(strings.ReplaceAll(string(encoded), unsound, "\xff\xc0\xaf"))
}

// A generator makes the requests of a fuzzer's bytes.
type generator struct {
	*dice
	*known
	level int  // how odd a request is: not, here and there, everywhere
	names bool // the names of resources are for the client to say
}

func (s *subject) generator(data []byte) (generator, protoreflect.MethodDescriptor) {
	g := generator{dice: &dice{data}, known: &s.known}
	method := pick(g.dice, s.methods)
	g.level = g.roll(3)
	verb := string(method.Name())
	g.names = !strings.HasPrefix(verb, "Create") && !strings.HasPrefix(verb, "Record")
	return g, method
}

// odd is true once in so many times, or more seldom.
func (g generator) odd(times int) bool {
	switch g.level {
	case 0:
		return false
	case 1:
		return g.rarely(times * 6)
	}
	return g.rarely(times)
}

// Known is what answers have given out that later requests may use.
type known struct {
	etags  map[string]string // by the name of what they are of
	tokens []string
	change string // the name of the newest limit change: its id is the server's
}

func (k *known) learn(name, etag, token string) {
	if etag != "" {
		k.etags[name] = etag
	}
	if strings.Contains(name, "/limitChanges/") {
		k.change = name
	}
	if token != "" {
		const enough = 8
		k.tokens = append(k.tokens, token)[max(0, len(k.tokens)+1-enough):]
	}
}

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

// Parts of filters and orders, and what is put between them.
var (
	comparisons = []string{
		`earned_month = "2026-04"`, `earn_time > "2026-01-01T00:00:00Z"`, `record_time <= "9999-12-31T23:59:59.999999999Z"`, `description : "x"`,
		`state = "EDITING"`, "state=APPROVED", `program="programs/azure"`, `pay_date = "2026-05-15"`, `fund_type != "coop"`, "update_time", `reviewer_email=*`,
		"a.b.c=1", `name:*`, `"x"`, "1", "-1.5e400", "f(x)", `display_name = "` + unsound + `"`, `create_time > "yesterday"`, `create_time = 5s`, `timestamp("x")`,
		`state = state`, `"a" = "b"`, `-state = "X"`, `create_time < duration("1s")`, "true", "null", `display_name >= "\x00\"` + "`", "0x7fffffffffffffffffff",
	}
	connectives = []string{" AND ", " OR ", " ", " AND NOT ", " -", "=", ":", ",", ".", " = (", ") OR (", "\\", `"`, "'", "(", ")", "<", "<=", "*", "\x00", "\n"}
	orders      = []string{"name", "create_time desc", "update_time", "submit_time desc", "name,name", "desc", "name  DESC", " name", "nope", "name desc desc", ",", "name asc"}
)

func (g generator) filter() string {
	var b strings.Builder
	depth := pick(g.dice, []int{0, 0, 0, 1, 3, 50, 900})
	b.WriteString(strings.Repeat(pick(g.dice, []string{"(", "NOT (", "-(", "NOT "}), depth))
	for i := range pick(g.dice, []int{1, 2, 3, 5, 60, 150}) {
		if i > 0 {
			b.WriteString(pick(g.dice, connectives))
		}
		b.WriteString(pick(g.dice, comparisons))
	}
	if !g.rarely(5) {
		b.WriteString(strings.Repeat(")", depth))
	}
	return b.String()
}

// token is a page token: one that was given out, one that would be, had the list ended there, or none.
func (g generator) token() string {
	given := append([]string{""}, g.tokens...)
	if !g.odd(2) {
		return pick(g.dice, given)
	}
	switch g.roll(3) {
	case 0:
		after := pick(g.dice, []string{"0/x", "-1/", "99999999999999999999/spring", "9223372036854775807/x", "a", "\x00", "1/\x00", "partners/contoso", plansOf, strings.Repeat("z", 1200)})
		return listing.Token(after, pick(g.dice, [][]string{{"programs"}, {"partners/-"}, {"partners/contoso"}, {plansOf}, {plansOf, ""}, {"partners/-", "", ""}, {"programs/azure"}})...)
	case 1:
		return g.text()
	}
	return pick(g.dice, []string{"AAAAAAAAAAA", "AAAAAAAAAAB_", "====", "/w==", "\x00", unsound, strings.Repeat("A", 2001), strings.Repeat("_", 1999)})
}

// message fills a message, which is inside so many others.
func (g generator) message(m protoreflect.Message, depth int) {
	switch m.Descriptor().FullName() {
	case "google.type.Money":
		g.money(m)
		return
	case "google.type.Date":
		g.date(m)
		return
	case "google.protobuf.Timestamp":
		g.time(m)
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); g.wants(field, depth) {
			g.fill(m, field, depth)
		}
	}
	if g.odd(20) {
		m.SetUnknown(pick(g.dice, unknownFields))
	}
}

var unknownFields = []protoreflect.RawFields{
	protowire.AppendVarint(protowire.AppendTag(nil, protowire.MaxValidNumber, protowire.VarintType), math.MaxUint64),
	protowire.AppendString(protowire.AppendTag(nil, 1999, protowire.BytesType), "x"+unsound),
	protowire.AppendTag(protowire.AppendTag(nil, 900, protowire.StartGroupType), 900, protowire.EndGroupType),
	protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), 1), // a number that a field has, as another type
}

// wants tells whether a field is to be filled: mostly as a client would.
func (g generator) wants(field protoreflect.FieldDescriptor, depth int) bool {
	if depth > 5 {
		return false
	}
	behavior, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	switch {
	case slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY):
		return g.odd(12)
	case slices.Contains(behavior, annotations.FieldBehavior_IDENTIFIER):
		return g.names != g.odd(5)
	case slices.Contains(behavior, annotations.FieldBehavior_REQUIRED), field.Name() == "parent", strings.HasSuffix(string(field.Name()), "_id"):
		return !g.odd(20)
	}
	return g.roll(3) == 2
}

func (g generator) fill(m protoreflect.Message, field protoreflect.FieldDescriptor, depth int) {
	switch {
	case field.IsMap():
		for range g.roll(3) {
			m.Mutable(field).Map().Set(g.value(field.MapKey()).MapKey(), g.element(m.Mutable(field).Map().NewValue, field.MapValue(), depth))
		}
	case field.IsList():
		list := m.Mutable(field).List()
		for range pick(g.dice, []int{1, 1, 2, 3, 0, 5}) {
			list.Append(g.element(list.NewElement, field, depth))
		}
		if list.Len() > 0 && depth == 0 && g.odd(10) {
			for range pick(g.dice, []int{310, 1100}) { // more than most lists may have
				list.Append(list.Get(0))
			}
		}
	case field.Message() != nil:
		g.message(m.Mutable(field).Message(), depth+1)
	case field.Name() == "etag" && !g.odd(4):
		if name := m.Descriptor().Fields().ByName("name"); name != nil {
			m.Set(field, protoreflect.ValueOfString(g.etags[m.Get(name).String()]))
		}
	default:
		m.Set(field, g.value(field))
	}
}

func (g generator) element(fresh func() protoreflect.Value, field protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	if field.Message() == nil {
		return g.value(field)
	}
	value := fresh()
	g.message(value.Message(), depth+1)
	return value
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

// request makes one of a method.
func (g generator) request(method protoreflect.MethodDescriptor) *dynamicpb.Message {
	m := dynamicpb.NewMessage(method.Input())
	g.message(m, 0)
	return m
}
