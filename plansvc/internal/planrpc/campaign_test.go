package planrpc_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func TestCampaigns(t *testing.T) {
	w := newWorld(t)
	before := w.drafted(t)
	created, err := w.CreateCampaign(t.Context(), &planv1.CreateCampaignRequest{Parent: coop, Campaign: &planv1.Campaign{DisplayName: "Made by the service"}})
	must(t, err)
	id, ok := strings.CutPrefix(created.GetName(), coop+"/campaigns/")
	if !ok || len(id) < 8 {
		t.Errorf("without an id it is named %s, want one of the service's making", created.GetName())
	}
	got, err := w.GetCampaign(t.Context(), &planv1.GetCampaignRequest{Name: created.GetName()})
	must(t, err)
	equal(t, "the campaign that was read", got, created)
	p := w.plan(t)
	equal(t, "the campaign in its plan", p.GetCampaigns()[1], created)
	if p.GetEtag() == before.GetEtag() || !p.GetUpdateTime().AsTime().After(before.GetUpdateTime().AsTime()) {
		t.Errorf("a new campaign leaves the plan with etag %s of %v", p.GetEtag(), p.GetUpdateTime().AsTime())
	}
	_, err = w.CreateCampaign(t.Context(), &planv1.CreateCampaignRequest{Parent: coop, CampaignId: "spring", Campaign: &planv1.Campaign{DisplayName: "Again"}})
	refused(t, "an id that is taken", err, as{codes.AlreadyExists, "CAMPAIGN_EXISTS"})
	_, err = w.UpdateCampaign(t.Context(), &planv1.UpdateCampaignRequest{Campaign: &planv1.Campaign{Name: spring, EndDate: day(2026, 2, 28)}})
	refused(t, "an end before the start that is stored", err, as{codes.InvalidArgument, "END_BEFORE_START"}, "campaign.end_date")
	_, err = w.UpdateCampaign(t.Context(), &planv1.UpdateCampaignRequest{Campaign: &planv1.Campaign{Name: spring, EndDate: day(2026, 2, 29), StartDate: day(2026, 4, 31)}})
	refused(t, "days that are none", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "campaign.start_date DATE_MALFORMED", "campaign.end_date DATE_MALFORMED")

	_, err = w.DeleteCampaign(t.Context(), &planv1.DeleteCampaignRequest{Name: spring, Etag: "0-0"})
	refused(t, "deleting another than was read", err, as{codes.Aborted, "ETAG_MISMATCH"})
	_, err = w.DeleteCampaign(t.Context(), &planv1.DeleteCampaignRequest{Name: spring, Etag: before.GetCampaigns()[0].GetEtag()})
	must(t, err)
	_, err = w.GetActivity(t.Context(), &planv1.GetActivityRequest{Name: webinar})
	refused(t, "an activity of a campaign that was deleted", err, as{codes.NotFound, "CAMPAIGN_NOT_FOUND"})
	for number := range 49 {
		_, err = w.CreateCampaign(t.Context(), &planv1.CreateCampaignRequest{Parent: coop, CampaignId: fmt.Sprint("c", number), Campaign: &planv1.Campaign{DisplayName: "C"}})
		must(t, err)
	}
	_, err = w.CreateCampaign(t.Context(), &planv1.CreateCampaignRequest{Parent: coop, Campaign: &planv1.Campaign{DisplayName: "51"}})
	refused(t, "one too many", err, as{codes.ResourceExhausted, "TOO_MANY"})
}

func TestActivities(t *testing.T) {
	w := newWorld(t)
	before := w.drafted(t)
	created, err := w.CreateActivity(t.Context(), &planv1.CreateActivityRequest{Parent: spring, Activity: &planv1.Activity{
		DisplayName: "Fair", RegionCodes: []string{"DE", "AT"}, StartDate: day(2026, 5, 1), EndDate: day(2026, 5, 1), PlannedCost: usd(0, 0),
	}})
	must(t, err)
	got, err := w.GetActivity(t.Context(), &planv1.GetActivityRequest{Name: created.GetName()})
	must(t, err)
	equal(t, "the activity that was read", got, created)
	equal(t, "the cost of nothing", got.GetPlannedCost(), usd(0, 0))
	p := w.plan(t)
	equal(t, "the activity in its plan", p.GetCampaigns()[0].GetActivities()[1], created)
	if p.GetEtag() == before.GetEtag() || p.GetCampaigns()[0].GetEtag() == before.GetCampaigns()[0].GetEtag() {
		t.Error("a new activity leaves the etag of its plan or its campaign as it was")
	}
	if !proto.Equal(p.GetCampaigns()[0].GetActivities()[0], before.GetCampaigns()[0].GetActivities()[0]) {
		t.Error("a new activity changes another")
	}
	_, err = w.CreateActivity(t.Context(), &planv1.CreateActivityRequest{Parent: spring, ActivityId: "webinar", Activity: &planv1.Activity{DisplayName: "Again"}})
	refused(t, "an id that is taken", err, as{codes.AlreadyExists, "ACTIVITY_EXISTS"})
	_, err = w.CreateActivity(t.Context(), &planv1.CreateActivityRequest{Parent: spring, ActivityId: "A", Activity: &planv1.Activity{
		ActivityType: "Web", RegionCodes: []string{"US", "UK", "us", "US"}, StartDate: day(2026, 13, 1), EndDate: day(2026, 4, 31),
		PlannedCost: usd(1, 1), Description: strings.Repeat("x", 1001),
	}})
	refused(t, "everything wrong", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "activity_id ID_MALFORMED", "activity.display_name FIELD_REQUIRED",
		"activity.activity_type ID_MALFORMED", "activity.region_codes[1] COUNTRY_UNKNOWN", "activity.region_codes[2] COUNTRY_UNKNOWN", "activity.region_codes[3] DUPLICATE",
		"activity.start_date DATE_MALFORMED", "activity.end_date DATE_MALFORMED", "activity.planned_cost AMOUNT_TOO_PRECISE", "activity.description FIELD_TOO_LONG")

	_, err = w.DeleteActivity(t.Context(), &planv1.DeleteActivityRequest{Name: webinar, Etag: "0-0"})
	refused(t, "deleting another than was read", err, as{codes.Aborted, "ETAG_MISMATCH"})
	_, err = w.DeleteActivity(t.Context(), &planv1.DeleteActivityRequest{Name: webinar, Etag: before.GetCampaigns()[0].GetActivities()[0].GetEtag()})
	must(t, err)
	listed, err := w.ListActivities(t.Context(), &planv1.ListActivitiesRequest{Parent: spring})
	must(t, err)
	if len(listed.GetActivities()) != 1 || !proto.Equal(listed.GetActivities()[0], created) {
		t.Errorf("listed %v, want the one that is left", listed.GetActivities())
	}
}

// Parts are listed oldest first, page by page.
func TestPartsAreListedOldestFirst(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	for _, id := range []string{"z", "a", "m"} {
		_, err := w.CreateCampaign(t.Context(), &planv1.CreateCampaignRequest{Parent: coop, CampaignId: id, Campaign: &planv1.Campaign{DisplayName: id}})
		must(t, err)
		_, err = w.CreateActivity(t.Context(), &planv1.CreateActivityRequest{Parent: spring, ActivityId: id, Activity: &planv1.Activity{DisplayName: id}})
		must(t, err)
	}
	var campaigns, activities []string
	for token := ""; ; {
		page, err := w.ListCampaigns(t.Context(), &planv1.ListCampaignsRequest{Parent: coop, PageSize: 3, PageToken: token})
		must(t, err)
		for _, c := range page.GetCampaigns() {
			campaigns = append(campaigns, strings.TrimPrefix(c.GetName(), coop+"/campaigns/"))
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	for token := ""; ; {
		page, err := w.ListActivities(t.Context(), &planv1.ListActivitiesRequest{Parent: spring, PageSize: 1, PageToken: token})
		must(t, err)
		for _, a := range page.GetActivities() {
			activities = append(activities, strings.TrimPrefix(a.GetName(), spring+"/activities/"))
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if got, want := fmt.Sprint(campaigns, activities), "[spring z a m] [webinar z a m]"; got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
}
