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

// request makes one of a method.
func (g generator) request(method protoreflect.MethodDescriptor) *dynamicpb.Message {
	m := dynamicpb.NewMessage(method.Input())
	g.message(m, 0)
	return m
}
