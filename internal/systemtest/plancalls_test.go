package systemtest

import "google.golang.org/grpc/codes"

const azure = `{
	"displayName": "Azure", "timeZone": "America/Los_Angeles", "currencyCodes": ["USD", "JPY"], "markets": ["US", "JP"],
	"fundTypes": [{"id": "coop", "displayName": "Co-op"}, {"id": "mdf", "displayName": "MDF"}],
	"programYears": [
		{"id": "fy25", "startDate": {"year": 2024, "month": 7, "day": 1}, "endDate": {"year": 2025, "month": 6, "day": 30}},
		{"id": "fy26", "startDate": {"year": 2025, "month": 7, "day": 1}, "endDate": {"year": 2026, "month": 6, "day": 30}}],
	"activityTypes": [{"id": "webinar", "displayName": "Webinar"}], "reviewerEmailDomains": ["contoso.com"], "hasPlans": true}`

const coop = `{
	"program": "programs/azure", "fundType": "coop", "programYear": "fy26", "displayName": "Spring", "market": "US", "currencyCode": "USD",
	"reviewerEmail": "ana@contoso.com", "requestedLimit": {"currencyCode": "USD", "units": "10000"}}`

// The cases of the plan service, in an order that takes one plan from its first draft to a raised limit.
var planCalls = []call{
	{
		name: "malformed in every field", method: "CreateProgram", code: codes.InvalidArgument, reason: "INVALID_FIELDS",
		request: `{"programId": "Azure!", "program": {"timeZone": "Mars/Olympus", "currencyCodes": ["USD", "XQQ"], "markets": ["ZZ"],
			"programYears": [{"id": "fy", "startDate": {"year": 2025, "month": 13, "day": 1}, "endDate": {"year": 2026, "month": 4, "day": 31}}]}}`,
		fields: []string{
			"program_id", "program.markets[0]", "program.program_years[0].start_date", "program.program_years[0].end_date",
			"program.display_name", "program.time_zone", "program.currency_codes[1]",
		},
	},
	{
		name: "years that overlap", method: "CreateProgram", code: codes.InvalidArgument, reason: "PROGRAM_YEARS_OVERLAP",
		fields: []string{"program.program_years[1]"},
		request: `{"programId": "overlap", "program": {"displayName": "O", "timeZone": "UTC", "currencyCodes": ["USD"], "programYears": [
			{"id": "a", "startDate": {"year": 2025, "month": 1, "day": 1}, "endDate": {"year": 2025, "month": 12, "day": 31}},
			{"id": "b", "startDate": {"year": 2025, "month": 12, "day": 31}, "endDate": {"year": 2026, "month": 12, "day": 30}}]}}`,
	},
	{
		name: "good", method: "CreateProgram", request: `{"programId": "azure", "program": ` + azure + `}`,
		want: map[string]string{"name": "programs/azure", "resubmissionDays": "90", "lateEarningDays": "90"}, save: map[string]string{"PROGRAM": "etag"},
	},
	{
		name: "without plans", method: "CreateProgram",
		request: `{"programId": "direct", "program": {"displayName": "Direct", "timeZone": "UTC", "currencyCodes": ["USD"]}}`,
		want:    map[string]string{"name": "programs/direct", "hasPlans": "false"},
	},
	{name: "again", method: "CreateProgram", code: codes.AlreadyExists, reason: "PROGRAM_EXISTS", request: `{"programId": "azure", "program": ` + azure + `}`},
	{name: "good", method: "GetProgram", request: `{"name": "programs/azure"}`, want: map[string]string{"timeZone": "America/Los_Angeles"}},
	{name: "unknown", method: "GetProgram", request: `{"name": "programs/nope"}`, code: codes.NotFound, reason: "PROGRAM_NOT_FOUND"},
	{name: "a page", method: "ListPrograms", request: `{"pageSize": 1}`, want: map[string]string{"nextPageToken": anything}, save: map[string]string{"PAGE": "nextPageToken"}},
	{name: "a forged token", method: "ListPrograms", request: `{"pageToken": "forged"}`, code: codes.InvalidArgument, reason: "PAGE_TOKEN_INVALID", fields: []string{"page_token"}},
	{
		name: "another time zone", method: "UpdateProgram", code: codes.InvalidArgument, reason: "FIELD_IMMUTABLE", fields: []string{"program.time_zone"},
		request: `{"program": {"name": "programs/azure", "timeZone": "UTC"}, "updateMask": "timeZone"}`,
	},
	{
		name: "good", method: "UpdateProgram", request: `{"program": {"name": "programs/azure", "displayName": "Azure!", "etag": "$PROGRAM"}, "updateMask": "displayName"}`,
		want: map[string]string{"displayName": "Azure!"},
	},
	{
		name: "an etag used twice", method: "UpdateProgram", code: codes.Aborted, reason: "ETAG_MISMATCH",
		request: `{"program": {"name": "programs/azure", "displayName": "Azure", "etag": "$PROGRAM"}, "updateMask": "displayName"}`,
	},

	{
		name: "no such program", method: "CreateEnrollment", code: codes.NotFound, reason: "PROGRAM_NOT_FOUND",
		request: `{"parent": "partners/contoso", "enrollmentId": "nope", "enrollment": {}}`,
	},
	{
		name: "good", method: "CreateEnrollment", want: map[string]string{"name": "partners/contoso/enrollments/azure"},
		request: `{"parent": "partners/contoso", "enrollmentId": "azure", "enrollment": {"adminEmails": ["admin@partner.example"]}}`,
	},
	{name: "good without plans", method: "CreateEnrollment", request: `{"parent": "partners/contoso", "enrollmentId": "direct", "enrollment": {}}`},
	{name: "good", method: "GetEnrollment", request: `{"name": "partners/contoso/enrollments/azure"}`},
	{name: "unknown", method: "GetEnrollment", request: `{"name": "partners/other/enrollments/azure"}`, code: codes.NotFound, reason: "ENROLLMENT_NOT_FOUND"},
	{name: "all partners", method: "ListEnrollments", request: `{"parent": "partners/-"}`},
	{
		name: "a size below zero", method: "ListEnrollments", request: `{"parent": "partners/contoso", "pageSize": -1}`, code: codes.InvalidArgument,
		reason: "PAGE_SIZE_NEGATIVE", fields: []string{"page_size"},
	},
	{name: "good", method: "UpdateEnrollment", request: `{"enrollment": {"name": "partners/contoso/enrollments/azure", "adminEmails": ["a@partner.example"]}, "updateMask": "adminEmails"}`},
	{
		name: "a field that is none", method: "UpdateEnrollment", code: codes.InvalidArgument, reason: "FIELD_UNKNOWN", fields: []string{"update_mask"},
		request: `{"enrollment": {"name": "partners/contoso/enrollments/azure"}, "updateMask": "nope"}`,
	},
	{name: "good", method: "DeleteEnrollment", request: `{"name": "partners/contoso/enrollments/direct"}`},
	{name: "unknown", method: "DeleteEnrollment", request: `{"name": "partners/contoso/enrollments/direct"}`, code: codes.NotFound, reason: "ENROLLMENT_NOT_FOUND"},

	{name: "L2 not enrolled", method: "CreatePlan", code: codes.NotFound, reason: "PROGRAM_NOT_FOUND", request: `{"parent": "partners/other", "plan": ` + coop + `}`},
	{
		name: "L5 a year that is over", method: "CreatePlan", code: codes.FailedPrecondition, reason: "CREATION_DEADLINE_PASSED",
		request: `{"parent": "partners/contoso", "plan": {"program": "programs/azure", "fundType": "coop", "programYear": "fy25", "displayName": "Late"}}`,
	},
	{
		name: "good", method: "CreatePlan", request: `{"parent": "partners/contoso", "plan": ` + coop + `}`,
		want: map[string]string{"name": "partners/contoso/plans/azure.coop.fy26", "state": "EDITING"}, save: map[string]string{"DRAFT": "etag"},
	},
	{name: "L1 again", method: "CreatePlan", code: codes.AlreadyExists, reason: "PLAN_EXISTS", request: `{"parent": "partners/contoso", "plan": ` + coop + `}`},
	{name: "good", method: "GetPlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, want: map[string]string{"requestedLimit.units": "10000"}},
	{name: "malformed", method: "GetPlan", request: `{"name": "partners/contoso/plans/azure.coop"}`, code: codes.InvalidArgument, reason: "NAME_MALFORMED", fields: []string{"name"}},
	{name: "by state", method: "ListPlans", request: `{"parent": "partners/-", "filter": "state=\"EDITING\" AND reviewer_email=\"ana@contoso.com\""}`},
	{name: "a filter that is none", method: "ListPlans", request: `{"parent": "partners/-", "filter": "state=("}`, code: codes.InvalidArgument, reason: "FILTER_INVALID", fields: []string{"filter"}},
	{
		name: "good", method: "UpdatePlan", request: `{"plan": {"name": "partners/contoso/plans/azure.coop.fy26", "description": "More."}, "updateMask": "description"}`,
		want: map[string]string{"description": "More."},
	},
	{
		name: "L8 an etag used twice", method: "UpdatePlan", code: codes.Aborted, reason: "ETAG_MISMATCH",
		request: `{"plan": {"name": "partners/contoso/plans/azure.coop.fy26", "description": "Less.", "etag": "$DRAFT"}, "updateMask": "description"}`,
	},

	{
		name: "good", method: "CreateCampaign", want: map[string]string{"name": "partners/contoso/plans/azure.coop.fy26/campaigns/spring"},
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "campaignId": "spring", "campaign": {"displayName": "Spring",
			"startDate": {"year": 2026, "month": 3, "day": 1}, "endDate": {"year": 2026, "month": 6, "day": 30}}}`,
	},
	{
		name: "again", method: "CreateCampaign", code: codes.AlreadyExists, reason: "CAMPAIGN_EXISTS",
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "campaignId": "spring", "campaign": {"displayName": "Spring"}}`,
	},
	{name: "another", method: "CreateCampaign", request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "campaign": {"displayName": "Other"}}`, save: map[string]string{"OTHER": "name"}},
	{name: "good", method: "GetCampaign", request: `{"name": "$OTHER"}`},
	{name: "good", method: "ListCampaigns", request: `{"parent": "partners/contoso/plans/azure.coop.fy26"}`},
	{name: "no such plan", method: "ListCampaigns", request: `{"parent": "partners/other/plans/azure.coop.fy26"}`, code: codes.NotFound, reason: "PLAN_NOT_FOUND"},
	{name: "good", method: "UpdateCampaign", request: `{"campaign": {"name": "$OTHER", "objective": "None."}, "updateMask": "objective"}`},
	{
		name: "no name", method: "UpdateCampaign", request: `{"campaign": {"name": "$OTHER", "displayName": ""}, "updateMask": "displayName"}`, code: codes.InvalidArgument,
		reason: "FIELD_REQUIRED", fields: []string{"campaign.display_name"},
	},
	{name: "good", method: "DeleteCampaign", request: `{"name": "$OTHER"}`},
	{name: "unknown", method: "DeleteCampaign", request: `{"name": "$OTHER"}`, code: codes.NotFound, reason: "CAMPAIGN_NOT_FOUND"},
	{name: "unknown", method: "GetCampaign", request: `{"name": "$OTHER"}`, code: codes.NotFound, reason: "CAMPAIGN_NOT_FOUND"},
	{
		name: "good", method: "CreateActivity", want: map[string]string{"name": "partners/contoso/plans/azure.coop.fy26/campaigns/spring/activities/webinar"},
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26/campaigns/spring", "activityId": "webinar", "activity": {"displayName": "Webinar"}}`,
	},
	{
		name: "too many digits", method: "CreateActivity", code: codes.InvalidArgument, reason: "AMOUNT_TOO_PRECISE", fields: []string{"activity.planned_cost"},
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26/campaigns/spring", "activity": {"displayName": "W", "plannedCost": {"currencyCode": "USD", "nanos": 1000000}}}`,
	},
	{name: "good", method: "GetActivity", request: `{"name": "partners/contoso/plans/azure.coop.fy26/campaigns/spring/activities/webinar"}`},
	{name: "unknown", method: "GetActivity", request: `{"name": "partners/contoso/plans/azure.coop.fy26/campaigns/spring/activities/nope"}`, code: codes.NotFound, reason: "ACTIVITY_NOT_FOUND"},
	{name: "good", method: "ListActivities", request: `{"parent": "partners/contoso/plans/azure.coop.fy26/campaigns/spring"}`},
	{name: "no such campaign", method: "ListActivities", request: `{"parent": "partners/contoso/plans/azure.coop.fy26/campaigns/nope"}`, code: codes.NotFound, reason: "CAMPAIGN_NOT_FOUND"},

	{name: "for its etag", method: "GetPlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, save: map[string]string{"NOW": "etag"}},
	{
		name: "L7 incomplete", method: "SubmitPlan", code: codes.InvalidArgument, reason: "INVALID_FIELDS",
		request: `{"name": "partners/contoso/plans/azure.coop.fy26", "etag": "$NOW", "validateOnly": true}`,
		fields: []string{
			"plan.campaigns[0].activities[0].activity_type", "plan.campaigns[0].activities[0].region_codes",
			"plan.campaigns[0].activities[0].start_date", "plan.campaigns[0].activities[0].end_date",
		},
	},
	{name: "good", method: "UpdateActivity", request: `{"activity": {"name": "partners/contoso/plans/azure.coop.fy26/campaigns/spring/activities/webinar",
			"activityType": "webinar", "regionCodes": ["US", "CA"], "plannedCost": {"currencyCode": "USD", "units": "100"},
			"startDate": {"year": 2026, "month": 4, "day": 1}, "endDate": {"year": 2026, "month": 4, "day": 30}},
			"updateMask": "activityType,regionCodes,plannedCost,startDate,endDate"}`},
	{
		name: "31 April", method: "UpdateActivity", code: codes.InvalidArgument, reason: "DATE_MALFORMED", fields: []string{"activity.end_date"},
		request: `{"activity": {"name": "partners/contoso/plans/azure.coop.fy26/campaigns/spring/activities/webinar", "endDate": {"year": 2026, "month": 4, "day": 31}}, "updateMask": "endDate"}`,
	},
	{name: "one too many", method: "CreateActivity", request: `{"parent": "partners/contoso/plans/azure.coop.fy26/campaigns/spring", "activityId": "extra", "activity": {"displayName": "E"}}`},
	{name: "good", method: "DeleteActivity", request: `{"name": "partners/contoso/plans/azure.coop.fy26/campaigns/spring/activities/extra"}`},
	{name: "unknown", method: "DeleteActivity", request: `{"name": "partners/contoso/plans/azure.coop.fy26/campaigns/spring/activities/extra"}`, code: codes.NotFound, reason: "ACTIVITY_NOT_FOUND"},

	{name: "L3 not submitted", method: "StartReview", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, code: codes.FailedPrecondition, reason: "PLAN_STATE"},
	{name: "for its etag", method: "GetPlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, save: map[string]string{"NOW": "etag"}},
	{
		name: "good", method: "SubmitPlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26", "etag": "$NOW"}`,
		want: map[string]string{"state": "SUBMITTED", "resubmitDeadline.month": "9", "resubmitDeadline.day": "28"},
	},
	{name: "good", method: "StartReview", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, want: map[string]string{"state": "UNDER_REVIEW"}},
	{name: "no comment", method: "RequestAction", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, code: codes.InvalidArgument, reason: "FIELD_REQUIRED", fields: []string{"comment"}},
	{
		name: "good", method: "RequestAction", request: `{"name": "partners/contoso/plans/azure.coop.fy26", "comment": "More regions."}`,
		want: map[string]string{"state": "ACTION_REQUIRED", "decisionComment": "More regions."},
	},
	{name: "good", method: "ReopenPlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, want: map[string]string{"state": "EDITING"}},
	{name: "L3 twice", method: "ReopenPlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, code: codes.FailedPrecondition, reason: "PLAN_STATE"},
	{name: "L4 was submitted", method: "DeletePlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, code: codes.FailedPrecondition, reason: "PLAN_WAS_SUBMITTED"},
	{name: "for its etag again", method: "GetPlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, save: map[string]string{"NOW": "etag"}},
	{name: "again", method: "SubmitPlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26", "etag": "$NOW"}`},
	{name: "again", method: "StartReview", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`},
	{
		name: "L10 another currency", method: "ApprovePlan", code: codes.InvalidArgument, reason: "CURRENCY_MISMATCH", fields: []string{"approved_limit"},
		request: `{"name": "partners/contoso/plans/azure.coop.fy26", "approvedLimit": {"currencyCode": "JPY", "units": "1"}}`,
	},
	{name: "L10 good", method: "ApprovePlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26"}`, want: map[string]string{"state": "APPROVED"}},
	{
		name: "L4 locked", method: "UpdateActivity", code: codes.FailedPrecondition, reason: "PLAN_NOT_EDITING",
		request: `{"activity": {"name": "partners/contoso/plans/azure.coop.fy26/campaigns/spring/activities/webinar", "description": "x"}, "updateMask": "description"}`,
	},
	{name: "L3 approved", method: "RejectPlan", request: `{"name": "partners/contoso/plans/azure.coop.fy26", "comment": "No."}`, code: codes.FailedPrecondition, reason: "PLAN_STATE"},
	{name: "to be rejected", method: "CreatePlan", request: `{"parent": "partners/contoso", "plan": {"program": "programs/azure", "fundType": "mdf", "programYear": "fy26", "displayName": "MDF"}}`},
	{name: "good", method: "DeletePlan", request: `{"name": "partners/contoso/plans/azure.mdf.fy26"}`},

	{
		name: "good", method: "CreateLimitChange", want: map[string]string{"state": "PENDING"}, save: map[string]string{"CHANGE": "name"},
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "limitChange": {"newLimit": {"currencyCode": "USD", "units": "20000"}, "reason": "Growth."}}`,
	},
	{
		name: "L11 one pending", method: "CreateLimitChange", code: codes.FailedPrecondition, reason: "LIMIT_CHANGE_PENDING",
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "limitChange": {"newLimit": {"currencyCode": "USD", "units": "30000"}}}`,
	},
	{name: "good", method: "RejectLimitChange", request: `{"name": "$CHANGE", "comment": "Not yet."}`, want: map[string]string{"state": "REJECTED"}},
	{name: "decided", method: "RejectLimitChange", request: `{"name": "$CHANGE"}`, code: codes.FailedPrecondition, reason: "LIMIT_CHANGE_NOT_PENDING"},
	{
		name: "another", method: "CreateLimitChange", save: map[string]string{"CHANGE": "name"},
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "limitChange": {"newLimit": {"currencyCode": "USD", "units": "20000"}}}`,
	},
	{name: "L11 good", method: "ApproveLimitChange", request: `{"name": "$CHANGE"}`, want: map[string]string{"state": "APPROVED", "effectiveMonth": "2026-06"}},
	{name: "decided", method: "ApproveLimitChange", request: `{"name": "$CHANGE"}`, code: codes.FailedPrecondition, reason: "LIMIT_CHANGE_NOT_PENDING"},
	{name: "good", method: "GetLimitChange", request: `{"name": "$CHANGE"}`},
	{name: "unknown", method: "GetLimitChange", request: `{"name": "partners/contoso/plans/azure.coop.fy26/limitChanges/nope"}`, code: codes.NotFound, reason: "LIMIT_CHANGE_NOT_FOUND"},
	{name: "good", method: "ListLimitChanges", request: `{"parent": "partners/contoso/plans/azure.coop.fy26"}`},
	{name: "no such plan", method: "ListLimitChanges", request: `{"parent": "partners/contoso/plans/azure.mdf.fy26"}`, code: codes.NotFound, reason: "PLAN_NOT_FOUND"},
	{name: "L12 good", method: "ListPlanEvents", request: `{"parent": "partners/contoso/plans/azure.coop.fy26"}`},
	{name: "no such plan", method: "ListPlanEvents", request: `{"parent": "partners/contoso/plans/azure.mdf.fy26"}`, code: codes.NotFound, reason: "PLAN_NOT_FOUND"},
	{name: "good", method: "BatchGetPlanTerms", request: `{"plans": ["partners/contoso/plans/azure.coop.fy26", "partners/contoso/plans/azure.mdf.fy26"]}`},
	{name: "none", method: "BatchGetPlanTerms", request: `{"plans": []}`, code: codes.InvalidArgument, reason: "BATCH_EMPTY", fields: []string{"plans"}},

	{name: "to be rejected again", method: "CreateEnrollment", request: `{"parent": "partners/fabrikam", "enrollmentId": "azure", "enrollment": {}}`},
	{name: "to be rejected again", method: "CreatePlan", request: `{"parent": "partners/fabrikam", "plan": ` + coop + `}`},
	{name: "to be rejected", method: "CreateCampaign", request: `{"parent": "partners/fabrikam/plans/azure.coop.fy26", "campaignId": "c", "campaign": {"displayName": "C",
			"startDate": {"year": 2026, "month": 3, "day": 1}, "endDate": {"year": 2026, "month": 6, "day": 30}}}`},
	{name: "to be rejected", method: "CreateActivity", request: `{"parent": "partners/fabrikam/plans/azure.coop.fy26/campaigns/c", "activityId": "a", "activity": {"displayName": "A",
			"activityType": "webinar", "regionCodes": ["US"], "plannedCost": {"currencyCode": "USD", "units": "100"},
			"startDate": {"year": 2026, "month": 4, "day": 1}, "endDate": {"year": 2026, "month": 4, "day": 30}}}`},
	{name: "to be rejected", method: "GetPlan", request: `{"name": "partners/fabrikam/plans/azure.coop.fy26"}`, save: map[string]string{"NOW": "etag"}},
	{name: "to be rejected", method: "SubmitPlan", request: `{"name": "partners/fabrikam/plans/azure.coop.fy26", "etag": "$NOW"}`},
	{name: "to be rejected", method: "StartReview", request: `{"name": "partners/fabrikam/plans/azure.coop.fy26"}`},
	{name: "good", method: "RejectPlan", request: `{"name": "partners/fabrikam/plans/azure.coop.fy26", "comment": "No."}`, want: map[string]string{"state": "REJECTED"}},
}
