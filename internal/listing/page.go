package listing

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/incentives-dev/incentives/internal/fault"
)

const (
	defaultPageSize = 50
	maxPageSize     = 1000
)

// A Page is which part of a list is asked for.
type Page struct {
	Size  int    // how many entries at the most, 1 to 1,000
	After string // the cursor that the page before ended at; "" for the first page
}

// A Request is the request of a list call.
type Request interface {
	GetPageSize() int32
	GetPageToken() string
}

// ReadPage reads what page a request asks for, and records in v that its size
// is negative or its token was not made by Token for the same fields: those
// that decide what is listed, such as the parent, the filter and the order.
//
// A token is not secret and not signed. Forging one gains nothing: a cursor
// only moves within what the fields select, and who may see that is decided
// without it.
func ReadPage(v *fault.Violations, request Request, fields ...string) Page {
	size := int(request.GetPageSize())
	switch {
	case size < 0:
		v.Add("page_size", "PAGE_SIZE_NEGATIVE", "is below zero")
	case size == 0:
		size = defaultPageSize
	}
	page := Page{Size: min(size, maxPageSize)}
	token := request.GetPageToken()
	if token == "" {
		return page
	}
	after := ""
	if data, err := base64.RawURLEncoding.DecodeString(token); err == nil && len(data) >= checksumSize {
		after = string(data[checksumSize:])
	}
	// What decodes to the same is not enough: the decoder passes over line breaks.
	if token != Token(after, fields...) || !utf8.ValidString(after) {
		v.Add("page_token", "PAGE_TOKEN_INVALID", "is not the next_page_token of a call with the same parent, filter and order")
		return page
	}
	page.After = after
	return page
}

const checksumSize = 8

// Token makes the next_page_token of a page that ended at a cursor; "" where the list has ended.
func Token(after string, fields ...string) string {
	if after == "" {
		return ""
	}
	data := binary.BigEndian.AppendUint64(nil, checksum(after, fields))
	return base64.RawURLEncoding.EncodeToString(append(data, after...))
}

func checksum(after string, fields []string) uint64 {
	return xxhash.Sum64String(after + "\x00" + strings.Join(fields, "\x00"))
}

// Slice is the part of a list in memory that a page asks for, and the cursor
// that it ended at. The list keeps its own order. A cursor is the place and the
// id of an entry, so that the next page goes on where it stood if it is gone.
// Where others before it are gone as well, as many that follow are passed over.
func Slice[T any](all []T, page Page, id func(T) string) (part []T, after string) {
	start := 0
	if place, last, ok := strings.Cut(page.After, "/"); ok {
		at := slices.IndexFunc(all, func(item T) bool { return id(item) == last })
		start = at + 1
		if at < 0 {
			start, _ = strconv.Atoi(place) // a forged cursor starts over
		}
	}
	start = max(0, min(start, len(all)))
	rest := all[start:]
	if len(rest) <= page.Size {
		return rest, ""
	}
	last := start + page.Size - 1
	return rest[:page.Size], strconv.Itoa(last) + "/" + id(all[last])
}
