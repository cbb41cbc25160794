package fault

import (
	"fmt"
	"strings"
)

// A Violation is one thing that is wrong with one field of a request.
type Violation struct {
	// Path leads to the field from the request, with the names of the protos:
	// "plan.campaigns[0].start_date".
	Path string
	// Reason is a stable UPPER_SNAKE_CASE word for programs.
	Reason string
	// Message is one sentence for people, without the path.
	Message string
}

// InvalidFields is the reason of an Error that carries several violations; an
// Error with one violation carries that one's reason.
const InvalidFields = "INVALID_FIELDS"

// MostViolations is how many violations of a request are collected: more than
// the largest submission can have (rule L7), and few enough that what a request
// with a mistake in every other byte costs does not matter.
const MostViolations = 10_000

// Violations collects what is wrong with a request, so that the answer can
// list all of it at once: the first MostViolations. The zero value is ready for use.
type Violations struct {
	prefix string
	list   *[]Violation
}

// Add records a violation; its message is formatted as by fmt.Sprintf.
func (v *Violations) Add(path, reason, format string, args ...any) {
	if v.list == nil {
		v.list = new([]Violation)
	}
	if len(*v.list) >= MostViolations {
		return
	}
	*v.list = append(*v.list, Violation{Path: join(v.prefix, path), Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// In returns a collector that writes into v, with every path below path.
func (v *Violations) In(path string) *Violations {
	if v.list == nil {
		v.list = new([]Violation)
	}
	return &Violations{prefix: join(v.prefix, path), list: v.list}
}

// At is In for one element of a repeated field: path[i].
func (v *Violations) At(path string, i int) *Violations {
	return v.In(fmt.Sprintf("%s[%d]", path, i))
}

// List returns what was recorded through v and every collector made from it, in order.
func (v *Violations) List() []Violation {
	if v.list == nil {
		return nil
	}
	return *v.list
}

// Err returns nil where nothing was recorded, else one Invalid Error that carries all of it.
func (v *Violations) Err() error {
	list := v.List()
	switch len(list) {
	case 0:
		return nil
	case 1:
		return &Error{Kind: Invalid, Reason: list[0].Reason, Message: sentence(list[0]), Fields: list}
	}
	sentences := make([]string, len(list))
	for i, f := range list {
		sentences[i] = sentence(f)
	}
	return &Error{Kind: Invalid, Reason: InvalidFields, Message: strings.Join(sentences, "; "), Fields: list}
}

func sentence(f Violation) string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

func join(prefix, path string) string {
	switch {
	case prefix == "":
		return path
	case path == "" || path[0] == '[':
		return prefix + path
	}
	return prefix + "." + path
}
