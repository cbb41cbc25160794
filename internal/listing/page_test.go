package listing_test

import (
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
)

type request struct {
	size  int32
	token string
}

func (r request) GetPageSize() int32   { return r.size }
func (r request) GetPageToken() string { return r.token }

func TestReadPage(t *testing.T) {
	token := listing.Token("partners/x", "partners/-", `state="SUBMITTED"`)
	for _, test := range []struct {
		name    string
		request request
		fields  []string
		want    listing.Page
		reason  string
	}{
		{"nothing said", request{}, nil, listing.Page{Size: 50}, ""},
		{"more than there can be", request{size: 5000}, nil, listing.Page{Size: 1000}, ""},
		{"below zero", request{size: -1}, nil, listing.Page{}, "PAGE_SIZE_NEGATIVE"},
		{"the next page", request{size: 10, token: token}, []string{"partners/-", `state="SUBMITTED"`}, listing.Page{Size: 10, After: "partners/x"}, ""},
		{"a token of another filter", request{token: token}, []string{"partners/-", `state="REJECTED"`}, listing.Page{}, "PAGE_TOKEN_INVALID"},
		{"no base64", request{token: "%%%"}, nil, listing.Page{}, "PAGE_TOKEN_INVALID"},
		{"a line break in it", request{token: "\r" + token}, []string{"partners/-", `state="SUBMITTED"`}, listing.Page{}, "PAGE_TOKEN_INVALID"},
		{"too short", request{token: "AAAA"}, nil, listing.Page{}, "PAGE_TOKEN_INVALID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v fault.Violations
			got := listing.ReadPage(&v, test.request, test.fields...)
			if reason := fault.ReasonOf(v.Err()); reason != test.reason {
				t.Fatalf("reason %q, want %q", reason, test.reason)
			}
			if test.reason == "" && got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	if got := listing.Token("", "x"); got != "" {
		t.Errorf("the token of a list that has ended is %q, want none", got)
	}
}

func TestSlice(t *testing.T) {
	for _, test := range []struct {
		name        string
		list, after string
		want, then  string
	}{
		{"the first page", "abcde", "", "ab", "1/b"},
		{"the next", "abcde", "1/b", "cd", "3/d"},
		{"the last", "abcde", "3/d", "e", ""},
		{"a list that ends with the page", "abcd", "1/b", "cd", ""},
		{"an empty list", "", "", "", ""},
		{"one that is new at the end", "abcdef", "3/d", "ef", ""},
		{"one before is gone", "bcde", "1/b", "cd", "2/d"},
		{"the last one of the page is gone", "acde", "1/b", "cd", "2/d"},
		{"all are gone", "", "1/b", "", ""},
		{"a forged place", "abcde", "-7/x", "ab", "1/b"},
		{"a forged place beyond", "abcde", "99999999999999999999/x", "", ""},
		{"no cursor of this list", "abcde", "x", "ab", "1/b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			part, then := listing.Slice(strings.Split(test.list, ""), listing.Page{Size: 2, After: test.after}, func(s string) string { return s })
			if got := strings.Join(part, ""); got != test.want || then != test.then {
				t.Errorf("of %q after %q: %q, then %q; want %q, then %q", test.list, test.after, got, then, test.want, test.then)
			}
		})
	}
}

func FuzzPageToken(f *testing.F) {
	f.Add(listing.Token("cursor", "parent"))
	f.Add("AAAAAAAAAAAA")
	f.Add("\n" + listing.Token("cursor", "parent"))
	f.Fuzz(func(t *testing.T, token string) {
		var v fault.Violations
		page := listing.ReadPage(&v, request{token: token}, "parent")
		if v.Err() == nil && token != "" && listing.Token(page.After, "parent") != token {
			t.Errorf("%q was taken as the cursor %q, whose token is another", token, page.After)
		}
	})
}
