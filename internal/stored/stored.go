// Package stored writes and reads the parts of values that stores hold as text: numbers and times. Each has one form, so
// that any other is damage and is told as such.
package stored

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseInt reads an integer as strconv.AppendInt writes it.
func ParseInt(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && strconv.FormatInt(n, 10) != text { // "+1", "007", "-0"
		err = fmt.Errorf("%q is not how %d is written", text, n)
	}
	return n, err
}

// nanoDigits is how many digits a time has after the dot.
const nanoDigits = 9

// AppendTime appends a time, to the nanosecond: the seconds since 1970, and what is above them, if anything, after a dot.
func AppendTime(b []byte, t time.Time) []byte {
	b = strconv.AppendInt(b, t.Unix(), 10)
	if t.Nanosecond() == 0 {
		return b
	}
	digits := strconv.AppendInt(make([]byte, 0, nanoDigits+1), int64(1e9+t.Nanosecond()), 10)
	digits[0] = '.' // was the 1 that kept the leading zeros
	return append(b, digits...)
}

// ParseTime reads a time as AppendTime writes it. It is in UTC.
func ParseTime(text string) (time.Time, error) {
	whole, fraction, cut := strings.Cut(text, ".")
	seconds, err := ParseInt(whole)
	if err != nil {
		return time.Time{}, err
	}
	if !cut {
		return time.Unix(seconds, 0).UTC(), nil
	}
	nanos, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil || len(fraction) != nanoDigits || nanos == 0 {
		return time.Time{}, fmt.Errorf("%q is not a time", text)
	}
	return time.Unix(seconds, int64(nanos)).UTC(), nil
}
