package stored_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/stored"
)

func FuzzParseInt(f *testing.F) {
	for _, text := range []string{"0", "-1", "9223372036854775807", "-9223372036854775808", "+1", "007", "-0", "1e3", "", "9223372036854775808"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := stored.ParseInt(text)
		if err == nil && strconv.FormatInt(n, 10) != text {
			t.Errorf("%q is read as %d", text, n)
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, text := range []string{
		"0", "1778716800", "1778716800.000000001", "-1.999999999", "1.5", "1.000000000", "1.0000000001", "+1", "1.", ".1", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := stored.ParseTime(text)
		if err != nil {
			return
		}
		if got := stored.AppendTime(nil, read); string(got) != text {
			t.Errorf("%q is read as %s, which is written %q", text, read, got)
		}
	})
}

func TestTime(t *testing.T) {
	for _, want := range []string{"2026-05-14T00:00:00Z", "2026-05-14T00:00:00.000000001Z", "1969-12-31T23:59:59.25Z", "9999-12-31T23:59:59.999999999Z"} {
		moment, err := time.Parse(time.RFC3339Nano, want)
		if err != nil {
			t.Fatal(err)
		}
		text := stored.AppendTime(nil, moment.In(time.FixedZone("", 3600)))
		got, err := stored.ParseTime(string(text))
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s is written %s and read as %s, %v", want, text, got, err)
		}
	}
}
