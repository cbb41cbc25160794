package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/incentives-dev/incentives/internal/fault"
)

// maxViolations is how many violations of a body are told at once. An explainer stops there, unless it has to find all.
const maxViolations = 100

// An explainer finds out why a text is not the JSON of a message.
type explainer struct{ most int } // violations

// explain records in v why data is not the JSON of a message: every field that
// the message does not have, that is given twice, or that cannot hold its value.
// protojson, which decides whether it is, tells the first alone, and often without
// its name. A body that is right leaves v as it was.
func (e explainer) explain(v *fault.Violations, data []byte, message protoreflect.MessageDescriptor) {
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		v.Add("", "JSON_MALFORMED", "the body is not JSON: %s", place(data, err))
		return
	}
	e.explainMessage(v, raw, message)
}

// place says where a text stops being JSON, and why.
func place(data []byte, err error) string {
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return err.Error()
	}
	before := data[:min(int(syntax.Offset), len(data))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - 1 - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d: %s", line, column, syntax)
}

func (e explainer) explainMessage(v *fault.Violations, raw json.RawMessage, message protoreflect.MessageDescriptor) {
	if !bytes.HasPrefix(raw, []byte("{")) {
		v.Add("", "FIELD_MALFORMED", "%s is not a JSON object", short(raw))
		return
	}
	seen := map[protoreflect.FieldNumber]bool{}
	members(raw, func(name string, value json.RawMessage) bool {
		field := fieldOf(message, name)
		switch {
		case field == nil:
			v.Add(name, "FIELD_UNKNOWN", "is not a field of %s", message.Name())
		case seen[field.Number()]:
			v.Add(string(field.Name()), "FIELD_REPEATED", "is given more than once")
		default:
			seen[field.Number()] = true
			e.explainField(v, value, field)
		}
		return len(v.List()) < e.most
	})
}

func (e explainer) explainField(v *fault.Violations, raw json.RawMessage, field protoreflect.FieldDescriptor) {
	name := string(field.Name())
	switch {
	case string(raw) == "null": // stands for an absent field
	case field.IsList():
		if !bytes.HasPrefix(raw, []byte("[")) {
			v.Add(name, "FIELD_MALFORMED", "%s is not a list", short(raw))
			return
		}
		elements(raw, func(i int, element json.RawMessage) bool {
			e.explainValue(v.At(name, i), element, field)
			return len(v.List()) < e.most
		})
	default:
		e.explainValue(v.In(name), raw, field)
	}
}

// explainValue explains one value of a field, which v leads to.
func (e explainer) explainValue(v *fault.Violations, raw json.RawMessage, field protoreflect.FieldDescriptor) {
	if field.Message() != nil && !field.IsMap() && field.Message().ParentFile().Package() != "google.protobuf" {
		e.explainMessage(v, raw, field.Message())
		return
	}
	value := raw
	if field.IsList() {
		value = append(append([]byte("["), raw...), ']')
	}
	alone := fmt.Appendf(nil, "{%q:%s}", field.JSONName(), value)
	if protojson.Unmarshal(alone, dynamicpb.NewMessage(field.ContainingMessage())) != nil {
		v.Add("", "FIELD_MALFORMED", "%s is not %s", short(raw), wanted(field))
	}
}

// members calls each member of a JSON object, which is well-formed, until it returns false.
func members(raw json.RawMessage, each func(name string, value json.RawMessage) bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return
	}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil || !each(name, value) {
			return
		}
	}
}

// elements calls each element of a JSON list, which is well-formed, until it returns false.
func elements(raw json.RawMessage, each func(i int, element json.RawMessage) bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return
	}
	for i := 0; d.More(); i++ {
		var element json.RawMessage
		if d.Decode(&element) != nil || !each(i, element) {
			return
		}
	}
}

// wanted says what a field can hold: "a whole number".
func wanted(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.StringKind:
		return "a string of Unicode text"
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.EnumKind:
		return "one of " + enumValues(field.Enum())
	case protoreflect.MessageKind:
		if field.Message().FullName() == "google.protobuf.Timestamp" {
			return `a time such as "2026-05-15T00:00:00Z"`
		}
		return "a " + string(field.Message().FullName())
	case protoreflect.Int32Kind, protoreflect.Uint32Kind:
		return "a whole number of 32 bits"
	case protoreflect.Int64Kind, protoreflect.Uint64Kind:
		return "a whole number of 64 bits"
	default:
		return "a value of type " + field.Kind().String()
	}
}

// enumValues lists the values of an enum that can be said.
func enumValues(enum protoreflect.EnumDescriptor) string {
	var names []string
	for i := range enum.Values().Len() {
		if value := enum.Values().Get(i); value.Number() != 0 {
			names = append(names, string(value.Name()))
		}
	}
	return strings.Join(names, ", ")
}

// short is the beginning of a JSON value, for a message.
func short(raw json.RawMessage) string {
	const most = 60
	text := []rune(strings.ToValidUTF8(string(raw), "\uFFFD"))
	if len(text) <= most {
		return string(text)
	}
	return string(text[:most]) + "…"
}
