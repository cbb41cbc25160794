package terms_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

var created = time.Date(2025, time.June, 1, 8, 0, 0, 0, time.UTC)

func program(name, zone string) *planv1.Program {
	return &planv1.Program{Name: name, TimeZone: zone, HasPlans: true, CreateTime: timestamppb.New(created)}
}

func TestProgram(t *testing.T) {
	d := newDesk(t)
	d.plansvc.SetProgram(program("programs/azure", "Asia/Tokyo"))
	d.plansvc.SetProgram(program("programs/mars", "Mars/Olympus"))
	for _, test := range []struct{ name, reason string }{
		{"programs/azure", ""}, {"programs/mars", "TERMS_UNREADABLE"}, {"programs/none", "PROGRAM_NOT_FOUND"},
	} {
		got, err := d.Program(t.Context(), test.name)
		if fault.ReasonOf(err) != test.reason || (err == nil) != (test.reason == "") {
			t.Errorf("%s: %v, want the reason %q", test.name, err, test.reason)
		}
		if err != nil {
			continue
		}
		want := terms.Program{Name: "programs/azure", Zone: time.FixedZone("Asia/Tokyo", 0), CreateTime: created}
		if diff := cmp.Diff(want, got, byZoneName); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// The windows of a program are those of its plans' terms, and others where one of them is.
func TestProgramWindows(t *testing.T) {
	d := newDesk(t)
	seen := map[string]bool{}
	for _, days := range [][2]int32{{90, 90}, {90, 120}, {120, 90}} {
		azure, plan := program("programs/azure", "Mars/Olympus"), approved(planA)
		azure.ResubmissionDays, azure.LateEarningDays = &days[0], &days[1]
		plan.ResubmissionDays, plan.LateEarningDays = days[0], days[1]
		d.plansvc.SetProgram(azure)
		d.plansvc.SetPlan(plan)
		got, err := d.ProgramWindows(t.Context(), "programs/azure")
		answers, termsErr := d.PlanTerms(t.Context(), []string{planA})
		if err != nil || termsErr != nil || got == "" || seen[got] || answers[0].Terms.Windows != got {
			t.Errorf("%v: windows %q, %v; of a plan %q, %v; want the same, and others than before", days, got, err, answers[0].Terms.Windows, termsErr)
		}
		seen[got] = true
	}
	if got, err := d.ProgramWindows(t.Context(), "programs/none"); got != "" || fault.ReasonOf(err) != "PROGRAM_NOT_FOUND" {
		t.Errorf("windows %q, %v, want PROGRAM_NOT_FOUND", got, err)
	}
}

func TestP2_Programs(t *testing.T) {
	d := newDesk(t)
	const many = 2500 // of which plansvc returns 1,000 at once
	for i := range many {
		d.plansvc.SetProgram(program(fmt.Sprintf("programs/p%04d", i), "Europe/Berlin"))
	}
	d.plansvc.SetProgram(program("programs/p0007", "Mars/Olympus"))
	closed := program("programs/p0008", "UTC")
	closed.HasPlans = false // it takes no more plans, and what it took is paid. Rule P2
	d.plansvc.SetProgram(closed)
	got, err := d.Programs(t.Context())
	if err != nil || len(got) != many {
		t.Fatalf("%d programs, %v, want %d", len(got), err, many)
	}
	for i, p := range got {
		if want := fmt.Sprintf("programs/p%04d", i); p.Name != want {
			t.Fatalf("program %d is %s, want %s", i, p.Name, want)
		}
		if (p.Zone == nil) != (i == 7) || !p.CreateTime.Equal(created) {
			t.Errorf("%+v, want its zone unless it is not known here, and create_time", p)
		}
	}

	calls := 0
	d.plansvc.Before(func(context.Context) error {
		calls++
		if calls == 2 {
			return out
		}
		return nil
	})
	if got, err := d.Programs(t.Context()); got != nil || fault.ReasonOf(err) != "PLANSVC_UNAVAILABLE" {
		t.Errorf("%d programs and %v when plansvc goes out between two pages, want none and PLANSVC_UNAVAILABLE", len(got), err)
	}
}
