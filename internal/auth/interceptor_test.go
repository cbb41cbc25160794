package auth

import (
	"testing"

	"github.com/incentives-dev/incentives/internal/auth/authtest"
	"github.com/incentives-dev/incentives/internal/fault"
)

// Messages that do not come to their end fill no memory: those who are known, and those on whom is not decided yet, have some at once.
func TestMessagesOnTheirWayAreCounted(t *testing.T) {
	p := authtest.New(t)
	s := newService(t, p.URL)
	ctx := with("Bearer " + p.Token(t, now, nil))
	const method = "/service/method"
	for _, test := range []struct {
		name string
		most int
	}{{"undecided", mostWaiting}, {"known", mostComing}} {
		tapped, err := s.Tap(ctx, method)
		if err != nil {
			t.Fatal(err)
		}
		var leave func()
		for i := range test.most {
			if leave, err = s.Hold(tapped, method); err != nil {
				t.Fatalf("%s: call %d: %v", test.name, i, err)
			}
		}
		if _, err := s.Hold(tapped, method); fault.ReasonOf(err) != "TOO_MANY_CALLS_AT_ONCE" {
			t.Errorf("%s: one more: %v", test.name, err)
		}
		leave()
		if _, err := s.Hold(tapped, method); err != nil {
			t.Errorf("%s: when one is there: %v", test.name, err)
		}
		if _, err := s.identify(ctx, true); err != nil { // from now on it is known
			t.Fatal(err)
		}
	}
}
