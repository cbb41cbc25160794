package listing

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"

	"github.com/incentives-dev/incentives/internal/fault"
)

// A Schema names the fields that a filter may use.
type Schema map[string]Field

// A Field says what a field of a filter holds.
type Field struct {
	Time   bool     // a time, compared with RFC 3339 texts; else a text
	Values []string // of an enum, which may stand without quotes
}

// Values returns what an entry holds in a field: a string, or a time.Time.
type Values func(field string) any

// A Filter decides which entries are listed. The zero Filter keeps all.
type Filter struct {
	match  func(Values) bool
	equals map[string]string
}

const (
	maxFilterLength = 2000 // bytes
	maxFilterNodes  = 200  // of its expression
	maxFilterDepth  = 20   // of its parentheses
	longestReason   = 300  // characters of why it is malformed
)

// ParseFilter reads an AIP-160 filter, such as state="SUBMITTED" AND
// create_time>"2026-01-01T00:00:00Z", and records in v, at "filter", that it is
// malformed, names an unknown field or an unknown value of an enum, or is too
// complex. Texts compare byte by byte; ":" asks whether a text contains another.
func ParseFilter(v *fault.Violations, filter string, schema Schema) Filter {
	parsed, err := parse(filter, schema)
	if err != nil {
		v.Add("filter", "FILTER_INVALID", "%.*s; the fields are %s", longestReason, reason(err), schema)
		return Filter{}
	}
	return parsed
}

func parse(filter string, schema Schema) (Filter, error) {
	if strings.TrimSpace(filter) == "" {
		return Filter{}, nil
	}
	if len(filter) > maxFilterLength {
		return Filter{}, fmt.Errorf("is longer than %d bytes", maxFilterLength)
	}
	if depth(filter) > maxFilterDepth {
		return Filter{}, fmt.Errorf("has more than %d parentheses within each other", maxFilterDepth)
	}
	declarations, err := schema.declarations()
	if err != nil {
		return Filter{}, err
	}
	checked, err := filtering.ParseFilterString(filter, declarations)
	if err != nil {
		return Filter{}, err
	}
	c := compiler{schema: schema, equals: map[string]string{}}
	match, err := c.compile(checked.CheckedExpr.GetExpr(), true)
	if err != nil {
		return Filter{}, err
	}
	return Filter{match: match, equals: c.equals}, nil
}

// depth is how many parentheses stand within each other: for each of them the parser calls itself, and wraps its error.
func depth(filter string) (most int) {
	var lexer filtering.Lexer
	lexer.Init(filter)
	for open := 0; ; {
		token, err := lexer.Lex()
		switch {
		case err != nil: // at the end, or where the parser ends, too
			return most
		case token.Type == filtering.TokenTypeLeftParen:
			open++
			most = max(most, open)
		case token.Type == filtering.TokenTypeRightParen:
			open--
		}
	}
}

// reason is why a filter is refused: the innermost error, and where it is. The parser's text has the whole filter once for each error
// around that one, of which there are some for every parenthesis.
func reason(err error) string {
	var text, place string
	for ; err != nil; err = errors.Unwrap(err) {
		at, ok := err.(positioned)
		switch {
		case ok:
			text, place = at.Message(), fmt.Sprintf("line %d, column %d: ", at.Position().Line, at.Position().Column)
		case errors.Is(err, io.EOF):
			text = "unexpected end"
		default:
			text = err.Error()
		}
	}
	for _, prefix := range []string{"check call expr: ", "check select expr: "} { // once for each call around it
		if last := strings.LastIndex(text, prefix); last >= 0 {
			text = text[last+len(prefix):]
		}
	}
	return place + text
}

// positioned is what the parser's errors are, each around the next.
type positioned interface {
	Message() string
	Position() filtering.Position
}

// Match tells whether an entry with these values is kept.
func (f Filter) Match(values Values) bool { return f.match == nil || f.match(values) }

// Equals returns the text that every kept entry has in a field, where the
// filter demands one, so that an index can be chosen.
func (f Filter) Equals(field string) (value string, ok bool) {
	value, ok = f.equals[field]
	return value, ok
}

// String lists the fields.
func (s Schema) String() string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	return strings.Join(sorted(names), ", ")
}

func (s Schema) declarations() (*filtering.Declarations, error) {
	options := []filtering.DeclarationOption{
		filtering.DeclareStandardFunctions(),
		// Two comparisons without a word between, which AIP-160 reads as AND.
		filtering.DeclareFunction(filtering.FunctionFuzzyAnd,
			filtering.NewFunctionOverload(filtering.FunctionFuzzyAnd, filtering.TypeBool, filtering.TypeBool, filtering.TypeBool)),
	}
	for name, field := range s {
		kind := filtering.TypeString
		if field.Time {
			kind = filtering.TypeTimestamp
		}
		options = append(options, filtering.DeclareIdent(name, kind))
		for _, value := range field.Values {
			options = append(options, filtering.DeclareIdent(value, filtering.TypeString))
		}
	}
	return filtering.NewDeclarations(options...)
}

// A compiler turns a checked expression into a function.
type compiler struct {
	schema Schema
	nodes  int
	equals map[string]string
}

// compile compiles a Boolean expression. Demanded says that whatever is kept has to satisfy it.
func (c *compiler) compile(e *expr.Expr, demanded bool) (func(Values) bool, error) {
	c.nodes++
	if c.nodes > maxFilterNodes {
		return nil, fmt.Errorf("has more than %d parts", maxFilterNodes)
	}
	call := e.GetCallExpr()
	if call == nil {
		return nil, fmt.Errorf("has a part that compares nothing")
	}
	switch call.GetFunction() {
	case filtering.FunctionAnd, filtering.FunctionFuzzyAnd:
		return c.both(call, demanded, func(a, b bool) bool { return a && b })
	case filtering.FunctionOr:
		return c.both(call, false, func(a, b bool) bool { return a || b })
	case filtering.FunctionNot:
		operand, err := c.compile(call.GetArgs()[0], false)
		if err != nil {
			return nil, err
		}
		return func(v Values) bool { return !operand(v) }, nil
	}
	return c.comparison(call, demanded)
}

func (c *compiler) both(call *expr.Expr_Call, demanded bool, join func(a, b bool) bool) (func(Values) bool, error) {
	left, err := c.compile(call.GetArgs()[0], demanded)
	if err != nil {
		return nil, err
	}
	right, err := c.compile(call.GetArgs()[1], demanded)
	if err != nil {
		return nil, err
	}
	return func(v Values) bool { return join(left(v), right(v)) }, nil
}

// holds says what each operator asks of the order of two values.
var holds = map[string]func(order int) bool{
	filtering.FunctionEquals:        func(o int) bool { return o == 0 },
	filtering.FunctionNotEquals:     func(o int) bool { return o != 0 },
	filtering.FunctionLessThan:      func(o int) bool { return o < 0 },
	filtering.FunctionLessEquals:    func(o int) bool { return o <= 0 },
	filtering.FunctionGreaterThan:   func(o int) bool { return o > 0 },
	filtering.FunctionGreaterEquals: func(o int) bool { return o >= 0 },
}

func (c *compiler) comparison(call *expr.Expr_Call, demanded bool) (func(Values) bool, error) {
	if len(call.GetArgs()) != 2 {
		return nil, fmt.Errorf("can't use %s", call.GetFunction())
	}
	name := call.GetArgs()[0].GetIdentExpr().GetName()
	field, known := c.schema[name]
	text, constant := literal(call.GetArgs()[1], field)
	if !known || !constant {
		return nil, fmt.Errorf("%s has a field on its left and a value on its right", call.GetFunction())
	}
	if field.Time {
		return timeComparison(call.GetFunction(), name, text)
	}
	if call.GetFunction() == filtering.FunctionHas {
		return func(v Values) bool { return strings.Contains(textOf(v(name)), text) }, nil
	}
	operator, ok := holds[call.GetFunction()]
	if !ok {
		return nil, fmt.Errorf("can't use %s", call.GetFunction())
	}
	// A state that is misspelt finds nothing, and nobody would know why.
	if len(field.Values) > 0 && !slices.Contains(field.Values, text) {
		return nil, fmt.Errorf("%s is never %.40q, but one of %s", name, text, strings.Join(field.Values, ", "))
	}
	if demanded && call.GetFunction() == filtering.FunctionEquals {
		c.equals[name] = text
	}
	return func(v Values) bool { return operator(cmp.Compare(textOf(v(name)), text)) }, nil
}

func timeComparison(function, name, text string) (func(Values) bool, error) {
	want, err := time.Parse(time.RFC3339Nano, text)
	operator, ok := holds[function]
	if err != nil || !ok {
		return nil, fmt.Errorf("%s is compared by =, !=, <, <=, > and >= with a time such as \"2026-05-15T00:00:00Z\"", name)
	}
	return func(v Values) bool {
		got, ok := v(name).(time.Time)
		return ok && !got.IsZero() && operator(got.Compare(want))
	}, nil
}

// literal is the text of a constant, of timestamp("…"), or of an enum's value.
func literal(e *expr.Expr, field Field) (text string, ok bool) {
	if call := e.GetCallExpr(); call.GetFunction() == filtering.FunctionTimestamp && len(call.GetArgs()) == 1 {
		e = call.GetArgs()[0]
	}
	if constant, ok := e.GetConstExpr().GetConstantKind().(*expr.Constant_StringValue); ok {
		return constant.StringValue, true
	}
	name := e.GetIdentExpr().GetName()
	return name, slices.Contains(field.Values, name)
}

func textOf(value any) string {
	text, _ := value.(string) // "" where an entry has no value
	return text
}
