package listing_test

import (
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

func FuzzPageToken(f *testing.F) {
	f.Add(listing.Token("cursor", "parent"))
	f.Add("AAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, token string) {
		var v fault.Violations
		page := listing.ReadPage(&v, request{token: token}, "parent")
		if v.Err() == nil && token != "" && listing.Token(page.After, "parent") != token && page.After != "" {
			t.Errorf("%q was taken as the cursor %q, whose token is another", token, page.After)
		}
	})
}
