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
