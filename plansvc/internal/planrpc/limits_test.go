package planrpc_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A limited is a field of a request whose limits the protos publish.
type limited struct {
	method protoreflect.MethodDescriptor
	within protoreflect.FieldDescriptor // the resource that it is a field of; nil where it is the request's
	field  protoreflect.FieldDescriptor
	rules  *validate.FieldRules
}

func (l limited) path() string {
	if l.within == nil {
		return string(l.field.Name())
	}
	return string(l.within.Name()) + "." + string(l.field.Name())
}

// limitedFields are all of them, but for etags: one that is too long is simply another one.
func limitedFields() []limited {
	var all []limited
	collect := func(method protoreflect.MethodDescriptor, within protoreflect.FieldDescriptor, message protoreflect.MessageDescriptor) {
		update := method.Input().Fields().ByName("update_mask") != nil
		for i := range message.Fields().Len() {
			field := message.Fields().Get(i)
			rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
			fixed := is(field, annotations.FieldBehavior_OUTPUT_ONLY) || update && is(field, annotations.FieldBehavior_IMMUTABLE)
			if rules != nil && field.Name() != "etag" && (within == nil || !fixed) {
				all = append(all, limited{method, within, field, rules})
			}
		}
	}
	for _, method := range methods() {
		collect(method, nil, method.Input())
		for i := range method.Input().Fields().Len() {
			field := method.Input().Fields().Get(i)
			if field.Message() != nil && field.Message().ParentFile().Package() == method.ParentFile().Package() {
				collect(method, field, field.Message())
			}
		}
	}
	return all
}

func is(field protoreflect.FieldDescriptor, behavior annotations.FieldBehavior) bool {
	behaviors, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(behaviors, behavior)
}

// The limits that the protos publish are those that the service holds. Each is
// tried on a request with nothing else in it, whose answer has to name the field
// beside all that is missing.
func TestPublishedLimits(t *testing.T) {
	w := newWorld(t)
	tried := 0
	for _, l := range limitedFields() {
		t.Run(string(l.method.Name())+" "+l.path(), func(t *testing.T) {
			before := tried
			for _, probe := range l.probes() {
				tried++
				request := newMessage(t, l.method.Input())
				holder := request
				if l.within != nil {
					holder = request.Mutable(l.within).Message()
				}
				probe.set(holder)
				err := w.invoke(t, l.method, request)
				_, fields := explain(err)
				refused := slices.ContainsFunc(fields, func(f string) bool {
					path, reason, _ := strings.Cut(f, " ")
					return (path == l.path() || strings.HasPrefix(path, l.path()+".") || strings.HasPrefix(path, l.path()+"[")) &&
						(probe.reason == "" || reason == probe.reason)
				})
				if refused != probe.refused || status.Code(err) == codes.Internal {
					t.Errorf("%s: refused: %t, want %t (violations of %q)", probe.what, refused, probe.refused, fields)
				}
			}
			if tried == before {
				t.Errorf("nothing is tried of the rules %v", l.rules)
			}
		})
	}
	if tried < 200 {
		t.Errorf("only %d values were tried", tried)
	}
}

// A probe is a value at a limit, or beyond it.
type probe struct {
	what    string
	set     func(protoreflect.Message)
	refused bool
	reason  string // of the violation; "" for any
}

func (l limited) probes() []probe {
	update := l.method.Input().Fields().ByName("update_mask") != nil && l.within != nil
	if l.rules.GetRequired() && !update {
		return []probe{{"not given", func(protoreflect.Message) {}, true, ""}}
	}
	switch {
	case l.rules.GetString() != nil:
		return l.ofText(l.rules.GetString(), update)
	case l.rules.GetInt32() != nil:
		return l.ofNumber(l.rules.GetInt32())
	case l.rules.GetRepeated() != nil:
		return l.ofList(l.rules.GetRepeated(), update)
	}
	return []probe{{"not given", func(protoreflect.Message) {}, true, ""}} // required in an update: its name is
}

func (l limited) ofText(rules *validate.StringRules, update bool) []probe {
	var all []probe
	for _, sample := range samples(rules) {
		if sample.text != "" || !update {
			set := func(m protoreflect.Message) { m.Set(l.field, protoreflect.ValueOfString(sample.text)) }
			all = append(all, probe{sample.what, set, sample.refused, sample.reason})
		}
	}
	return all
}

// A sample is a text at a limit, or beyond it.
type sample struct {
	what, text string
	refused    bool
	reason     string
}

func samples(rules *validate.StringRules) []sample {
	var all []sample
	if most := int(rules.GetMaxLen()); rules.HasMaxLen() {
		all = append(
			all,
			sample{fmt.Sprintf("%d characters", most), strings.Repeat("ü", most), false, "FIELD_TOO_LONG"},
			sample{fmt.Sprintf("%d characters", most+1), strings.Repeat("ü", most+1), true, ""},
		)
	}
	if rules.GetMinLen() > 0 {
		all = append(all, sample{"an empty text", "", true, ""})
	}
	if rules.HasPattern() {
		pattern := regexp.MustCompile(rules.GetPattern())
		for _, text := range []string{
			"", "a", "7", "a-b", "A", "-", "-a", "a-", "a.b", "ü", "a\n", strings.Repeat("a", 63), strings.Repeat("a", 64), "US", "us", "USA", "USD", "usd", "EURO",
			"programs/azure", "programs/", "programs/-a", "partners/a", "partners/-", "partners/a/plans/a.b.c", "partners/a/plans/" + strings.Repeat("a", 201),
			"partners/a/enrollments/b", "partners/a/plans/a.b.c/campaigns/d", "partners/a/plans/a.b.c/campaigns/d/activities/e", "partners/a/plans/a.b.c/limitChanges/f",
		} {
			// What fits can still be refused: a pattern knows no list of countries.
			if !pattern.MatchString(text) {
				all = append(all, sample{fmt.Sprintf("%.90q", text), text, true, ""})
			}
		}
	}
	return all
}

func (l limited) ofNumber(rules *validate.Int32Rules) []probe {
	number := func(value int32) func(protoreflect.Message) {
		return func(m protoreflect.Message) { m.Set(l.field, protoreflect.ValueOfInt32(value)) }
	}
	all := []probe{
		{"the least number", number(rules.GetGte()), false, ""},
		{"a number below the least", number(rules.GetGte() - 1), true, ""},
	}
	if rules.HasLte() {
		all = append(
			all,
			probe{"the greatest number", number(rules.GetLte()), false, ""},
			probe{"a number above the greatest", number(rules.GetLte() + 1), true, ""},
		)
	}
	return all
}

func (l limited) ofList(rules *validate.RepeatedRules, update bool) []probe {
	list := func(n int, value func(i int) string) func(protoreflect.Message) {
		return func(m protoreflect.Message) {
			to := m.Mutable(l.field).List()
			for i := range n {
				if l.field.Message() == nil {
					to.Append(protoreflect.ValueOfString(value(i)))
				} else {
					to.AppendMutable()
				}
			}
		}
	}
	some := func(i int) string { return fmt.Sprint("x", i) }
	most := int(rules.GetMaxItems())
	tooMany := "TOO_MANY"
	if l.field.Name() == "plans" {
		tooMany = "BATCH_TOO_LARGE"
	}
	all := []probe{
		{fmt.Sprintf("%d entries", most), list(most, some), false, tooMany},
		{fmt.Sprintf("%d entries", most+1), list(most+1, some), true, tooMany},
	}
	if rules.GetMinItems() > 0 && !update {
		all = append(all, probe{"no entry", list(0, some), true, ""})
	}
	if rules.GetUnique() {
		all = append(all, probe{"an entry twice", list(2, func(int) string { return "US" }), true, "DUPLICATE"})
	}
	for _, sample := range samples(rules.GetItems().GetString()) {
		all = append(all, probe{"an entry of " + sample.what, list(1, func(int) string { return sample.text }), sample.refused, sample.reason})
	}
	return all
}
