package rpc

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/incentives-dev/incentives/internal/fault"
)

// An empty message in a list takes two bytes on the way and a hundred when it has been read, and a message is read before anybody asks whether
// its caller may send it. So it is looked at first how many entries its lists have.
const (
	// mostWeight is how much the entries of all lists in a message may weigh: four times as many messages as the largest batch has, or as many
	// texts as the largest plan that is sent back whole.
	mostWeight    = 200_000
	messageWeight = 10
	otherWeight   = 1
	leastBytes    = 2 // that an entry takes
)

// A shape is which fields of a message are lists, or hold some, by their numbers; it has no others.
type shape map[protowire.Number]part

type part struct {
	weight int   // of an entry; 0 where the field is no list
	inside shape // of the message that it holds
}

var shapes sync.Map // by full name

// shapeOf is the shape of a kind of message. What holds itself is not looked into again: no message of the API does.
func shapeOf(d protoreflect.MessageDescriptor, within ...protoreflect.FullName) shape {
	if known, ok := shapes.Load(d.FullName()); ok {
		s, _ := known.(shape) // it is one
		return s
	}
	for _, outer := range within {
		if outer == d.FullName() {
			return nil
		}
	}
	s, fields := shape{}, d.Fields()
	for i := range fields.Len() {
		var p part
		field := fields.Get(i)
		if m := field.Message(); m != nil {
			p.inside = shapeOf(m, append(within, d.FullName())...)
		}
		switch {
		case field.Cardinality() != protoreflect.Repeated:
		case field.Message() != nil:
			p.weight = messageWeight
		default:
			p.weight = otherWeight
		}
		if p.weight > 0 || len(p.inside) > 0 {
			s[field.Number()] = p
		}
	}
	shapes.Store(d.FullName(), s)
	return s
}

// weigh is what the entries of all lists in a message weigh, up to where that is too much. Bytes that are no message weigh nothing: reading
// them fails.
func (s shape) weigh(data []byte) (weight int) {
	for len(data) > 0 && weight <= mostWeight {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return weight
		}
		data = data[n:]
		if n = protowire.ConsumeFieldValue(number, kind, data); n < 0 {
			return weight
		}
		if p, ok := s[number]; ok {
			weight += p.weight
			if kind == protowire.BytesType && len(p.inside) > 0 {
				inside, _ := protowire.ConsumeBytes(data)
				weight += p.inside.weigh(inside)
			}
		}
		data = data[n:]
	}
	return weight
}

// checkWeight refuses bytes that would be a message whose lists have too many entries.
func checkWeight(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok || shapeOf(m.ProtoReflect().Descriptor()).weigh(data) <= mostWeight {
		return nil
	}
	return fault.New(fault.Invalid, "TOO_MANY_VALUES", "the lists in the message have more entries than are taken")
}
