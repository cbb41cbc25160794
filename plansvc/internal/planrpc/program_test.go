package planrpc_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func TestPrograms(t *testing.T) {
	w := newWorld(t)
	given := azure()
	given.GuideUri, given.Name, given.Etag = "https://contoso.com/guide", "programs/ignored", "ignored"
	created, err := w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: "azure", Program: given})
	must(t, err)
	want := azure()
	want.Name, want.GuideUri = program, given.GetGuideUri()
	want.ResubmissionDays, want.LateEarningDays = new(int32(90)), new(int32(90))
	want.CreateTime, want.UpdateTime, want.Etag = created.GetCreateTime(), created.GetCreateTime(), created.GetEtag()
	equal(t, "the program that was created", created, want)
	if !created.GetCreateTime().AsTime().After(moment(t, "2026-04-10T12:00:00Z")) || created.GetEtag() == "" {
		t.Errorf("created at %v with etag %q, want now and one", created.GetCreateTime().AsTime(), created.GetEtag())
	}
	got, err := w.GetProgram(t.Context(), &planv1.GetProgramRequest{Name: program})
	must(t, err)
	equal(t, "the program that was read", got, created)

	_, err = w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: "azure", Program: azure()})
	refused(t, "creating it again", err, as{codes.AlreadyExists, "PROGRAM_EXISTS"})

	days := azure()
	days.ResubmissionDays, days.LateEarningDays = new(int32(0)), new(int32(3650))
	got, err = w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: "days", Program: days})
	must(t, err)
	if got.GetResubmissionDays() != 0 || got.ResubmissionDays == nil || got.GetLateEarningDays() != 3650 {
		t.Errorf("days are %v and %v, want 0 and 3650", got.ResubmissionDays, got.LateEarningDays)
	}
}

func TestCreateProgram_AllViolationsAtOnce(t *testing.T) {
	w := newWorld(t)
	year := func(id string, from, to [3]int32) *planv1.Program_Year {
		return &planv1.Program_Year{Id: id, StartDate: day(from[0], from[1], from[2]), EndDate: day(to[0], to[1], to[2])}
	}
	_, err := w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: "Azure!", Program: &planv1.Program{
		DisplayName: strings.Repeat("x", 201), TimeZone: "Mars/Olympus", CurrencyCodes: []string{"USD", "XQQ", "USD"}, Markets: []string{"US", "ZZ", "us", "AN", "US"},
		FundTypes:            []*planv1.Program_FundType{{Id: "coop", DisplayName: "Co-op"}, {Id: "coop", DisplayName: "Again"}, {}},
		ActivityTypes:        []*planv1.Program_ActivityType{{Id: "Webinar", DisplayName: "W"}},
		ReviewerEmailDomains: []string{"contoso.com", "contoso..com"},
		ProgramYears: []*planv1.Program_Year{
			year("month-13", [3]int32{2025, 13, 1}, [3]int32{2026, 12, 31}), year("april-31", [3]int32{2025, 1, 1}, [3]int32{2025, 4, 31}),
			year("a", [3]int32{2027, 1, 1}, [3]int32{2027, 12, 31}), year("overlaps", [3]int32{2027, 12, 31}, [3]int32{2028, 12, 30}),
			year("backward", [3]int32{2030, 2, 1}, [3]int32{2030, 1, 31}),
			{Id: "none", EndDate: day(0, 0, 0)},
			year("alone", [3]int32{2031, 0, 0}, [3]int32{2031, 2, 29}),
		},
		ResubmissionDays: new(int32(-1)), LateEarningDays: new(int32(3651)), GuideUri: "ftp://contoso.com",
	}})
	refused(t, "a program with everything wrong", err, as{codes.InvalidArgument, "INVALID_FIELDS"},
		"program_id ID_MALFORMED", "program.display_name FIELD_TOO_LONG", "program.time_zone TIME_ZONE_UNKNOWN", "program.currency_codes[1] CURRENCY_UNKNOWN",
		"program.currency_codes[2] DUPLICATE", "program.markets[1] COUNTRY_UNKNOWN", "program.markets[2] COUNTRY_UNKNOWN", "program.markets[3] COUNTRY_UNKNOWN",
		"program.markets[4] DUPLICATE", "program.fund_types[1].id DUPLICATE", "program.fund_types[2].id FIELD_REQUIRED", "program.fund_types[2].display_name FIELD_REQUIRED",
		"program.activity_types[0].id ID_MALFORMED", "program.reviewer_email_domains[1] DOMAIN_MALFORMED",
		"program.program_years[0].start_date DATE_MALFORMED", "program.program_years[1].end_date DATE_MALFORMED", "program.program_years[3] PROGRAM_YEARS_OVERLAP",
		"program.program_years[4].end_date END_BEFORE_START", "program.program_years[5].start_date FIELD_REQUIRED", "program.program_years[5].end_date DATE_MALFORMED",
		"program.program_years[6].start_date DATE_MALFORMED", "program.program_years[6].end_date DATE_MALFORMED",
		"program.resubmission_days OUT_OF_RANGE", "program.late_earning_days OUT_OF_RANGE", "program.guide_uri URI_MALFORMED")
}

func TestCreateProgram_TimeZones(t *testing.T) {
	w := newWorld(t)
	for zone, reason := range map[string]string{
		"America/Los_Angeles": "", "UTC": "", "Asia/Kathmandu": "", "": "FIELD_REQUIRED", "Local": "TIME_ZONE_UNKNOWN", "america/los_angelos": "TIME_ZONE_UNKNOWN",
		"+02:00": "TIME_ZONE_UNKNOWN", "../etc/passwd": "TIME_ZONE_UNKNOWN", "/usr/share/zoneinfo/UTC": "TIME_ZONE_UNKNOWN", "CEST": "TIME_ZONE_UNKNOWN",
	} {
		p := azure()
		p.TimeZone = zone
		id := strings.Trim(strings.Map(func(r rune) rune {
			if r < 'a' || r > 'z' {
				return '-'
			}
			return r
		}, strings.ToLower("z"+zone)), "-")
		_, err := w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: id, Program: p})
		if reason == "" {
			must(t, err)
			continue
		}
		refused(t, "time zone "+zone, err, as{codes.InvalidArgument, reason}, "program.time_zone")
	}
}

// What was dated stays dated; what is new is added.
func TestP1_UpdateProgram(t *testing.T) {
	w := newWorld(t)
	w.found(t)
	year := func(p *planv1.Program, i int) *planv1.Program_Year { return p.GetProgramYears()[i] }
	for _, test := range []struct {
		name   string
		change func(p *planv1.Program)
		fields []string
	}{
		{"another zone", func(p *planv1.Program) { p.TimeZone = "UTC" }, []string{"program.time_zone"}},
		{"another first day", func(p *planv1.Program) { year(p, 0).StartDate = day(2024, 7, 2) }, []string{"program.program_years[0]"}},
		{"another last day", func(p *planv1.Program) { year(p, 1).EndDate = day(2026, 6, 29) }, []string{"program.program_years[1]"}},
		{"a year gone", func(p *planv1.Program) { p.ProgramYears = p.GetProgramYears()[1:] }, []string{"program.program_years"}},
		{"all years gone", func(p *planv1.Program) { p.ProgramYears = nil }, []string{"program.program_years FIELD_IMMUTABLE", "program.program_years FIELD_IMMUTABLE"}},
	} {
		p := azure()
		test.change(p)
		p.Name = program
		_, err := w.UpdateProgram(t.Context(), &planv1.UpdateProgramRequest{Program: p, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}})
		reason := "FIELD_IMMUTABLE"
		if len(test.fields) > 1 {
			reason = "INVALID_FIELDS"
		}
		refused(t, test.name, err, as{codes.InvalidArgument, reason}, test.fields...)
	}

	p := azure()
	p.Name = program
	p.ProgramYears = append(p.GetProgramYears(), &planv1.Program_Year{Id: "fy27", StartDate: day(2026, 7, 1), EndDate: day(2027, 6, 30)})
	got, err := w.UpdateProgram(t.Context(), &planv1.UpdateProgramRequest{Program: p})
	must(t, err)
	if len(got.GetProgramYears()) != 3 || got.GetResubmissionDays() != 90 || !got.GetUpdateTime().AsTime().After(got.GetCreateTime().AsTime()) {
		t.Errorf("after adding a year: %v", got)
	}
	p.ProgramYears[2].StartDate = day(2026, 6, 30)
	_, err = w.UpdateProgram(t.Context(), &planv1.UpdateProgramRequest{Program: p})
	refused(t, "a year that overlaps", err, as{codes.InvalidArgument, "INVALID_FIELDS"},
		"program.program_years[2] PROGRAM_YEARS_OVERLAP", "program.program_years[2] FIELD_IMMUTABLE")
}

// A plan that is created and changed while its program gets its year, is decided
// by the program as it is then.
func TestP1_AProgramThatChangesMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.found(t)
	name := "partners/contoso/plans/azure.coop.fy27"
	meanwhile := func() {
		p := azure()
		p.Name = program
		p.ProgramYears = append(p.GetProgramYears(), &planv1.Program_Year{Id: "fy27", StartDate: day(2026, 7, 1), EndDate: day(2027, 6, 30)})
		_, err := w.UpdateProgram(t.Context(), &planv1.UpdateProgramRequest{Program: p})
		worked(t, err)
		next := draft()
		next.ProgramYear = "fy27"
		_, err = w.CreatePlan(t.Context(), &planv1.CreatePlanRequest{Parent: partner, Plan: next})
		worked(t, err)
	}
	w.db.beforePlan(meanwhile)
	_, err := w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: name})
	refused(t, "submitting a plan that another call creates", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "etag FIELD_REQUIRED", "plan.campaigns FIELD_REQUIRED")
}

func TestListPrograms(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"c", "a", "b"} {
		_, err := w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: id, Program: azure()})
		must(t, err)
	}
	first, err := w.ListPrograms(t.Context(), &planv1.ListProgramsRequest{PageSize: 2})
	must(t, err)
	second, err := w.ListPrograms(t.Context(), &planv1.ListProgramsRequest{PageSize: 2, PageToken: first.GetNextPageToken()})
	must(t, err)
	var names []string
	for _, p := range append(first.GetPrograms(), second.GetPrograms()...) {
		names = append(names, p.GetName())
	}
	if got := strings.Join(names, " "); got != "programs/a programs/b programs/c" || len(first.GetPrograms()) != 2 || second.GetNextPageToken() != "" {
		t.Errorf("two pages list %s, then token %q; want all three by name, and the end", got, second.GetNextPageToken())
	}
	whole, err := w.GetProgram(t.Context(), &planv1.GetProgramRequest{Name: "programs/a"})
	must(t, err)
	if !proto.Equal(whole, first.GetPrograms()[0]) {
		t.Errorf("listed %v, want the whole program %v", first.GetPrograms()[0], whole)
	}
}
