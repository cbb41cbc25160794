package systemtest

import "google.golang.org/grpc/codes"

// The cases of the payout service, on the plan that the cases before have got approved.
var payoutCalls = []call{
	{
		name: "good", method: "RecordEarning", want: map[string]string{"earnedMonth": "2026-04", "duplicate": "false"},
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "earningId": "inv:1%2F?x#y", "earning": {"amount": {"currencyCode": "USD", "units": "15000"}, "earnTime": "2026-05-01T06:30:00Z"}}`,
	},
	{
		name: "E1 the same", method: "RecordEarning", want: map[string]string{"earnedMonth": "2026-04", "duplicate": "true"},
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "earningId": "inv:1%2F?x#y", "earning": {"amount": {"currencyCode": "USD", "units": "15000"}, "earnTime": "2026-05-01T06:30:00Z"}}`,
	},
	{
		name: "E1 other content", method: "RecordEarning", code: codes.AlreadyExists, reason: "EARNING_ID_REUSED",
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "earningId": "inv:1%2F?x#y", "earning": {"amount": {"currencyCode": "USD", "units": "1"}, "earnTime": "2026-05-01T06:30:00Z"}}`,
	},
	{
		name: "E4 all at once", method: "RecordEarning", code: codes.InvalidArgument, reason: "INVALID_FIELDS", fields: []string{"earning_id", "earning.amount", "earning.amount", "earning.earn_time"},
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "earningId": "a b", "earning": {"amount": {"currencyCode": "JPY", "units": "1", "nanos": 500000000}}}`,
	},
	{
		name: "E4 another currency", method: "RecordEarning", code: codes.InvalidArgument, reason: "CURRENCY_MISMATCH", fields: []string{"earning.amount"},
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "earningId": "b", "earning": {"amount": {"currencyCode": "JPY", "units": "1"}, "earnTime": "2026-05-01T06:30:00Z"}}`,
	},
	{
		name: "E6 another year", method: "RecordEarning", code: codes.FailedPrecondition, reason: "EARN_TIME_OUTSIDE_YEAR",
		request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "earningId": "b", "earning": {"amount": {"currencyCode": "USD", "units": "1"}, "earnTime": "2025-06-30T06:30:00Z"}}`,
	},
	{
		name: "E7 no such plan", method: "RecordEarning", code: codes.NotFound, reason: "PLAN_NOT_FOUND",
		request: `{"parent": "partners/contoso/plans/azure.mdf.fy26", "earningId": "b", "earning": {"amount": {"currencyCode": "USD", "units": "1"}, "earnTime": "2026-05-01T06:30:00Z"}}`,
	},
	{name: "good", method: "GetEarning", request: `{"name": "partners/contoso/plans/azure.coop.fy26/earnings/inv:1%2F?x#y"}`, want: map[string]string{"amount.units": "15000"}},
	{name: "unknown", method: "GetEarning", request: `{"name": "partners/contoso/plans/azure.coop.fy26/earnings/nope"}`, code: codes.NotFound, reason: "EARNING_NOT_FOUND"},
	{name: "of a month", method: "ListEarnings", request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "filter": "earned_month=\"2026-04\""}`},
	{
		name: "a field that is none", method: "ListEarnings", request: `{"parent": "partners/contoso/plans/azure.coop.fy26", "filter": "nope=\"1\""}`, code: codes.InvalidArgument,
		reason: "FILTER_INVALID", fields: []string{"filter"},
	},
	{name: "E3 each by itself", method: "BatchRecordEarnings", request: `{"earnings": [
		{"name": "partners/contoso/plans/azure.coop.fy26/earnings/x", "amount": {"currencyCode": "USD", "units": "-100"}, "earnTime": "2026-05-02T06:30:00Z"},
		{"name": "nonsense"}]}`},
	{name: "empty", method: "BatchRecordEarnings", request: `{"earnings": []}`, code: codes.InvalidArgument, reason: "BATCH_EMPTY", fields: []string{"earnings"}},
	{name: "good", method: "StreamEarnings", request: `{"earnings": [
		{"name": "partners/contoso/plans/azure.coop.fy26/earnings/y", "amount": {"currencyCode": "USD", "units": "200"}, "earnTime": "2026-05-02T06:30:00Z"}]}`},
	{name: "empty", method: "StreamEarnings", request: `{"earnings": []}`, code: codes.InvalidArgument, reason: "BATCH_EMPTY", fields: []string{"earnings"}},

	{name: "R4 good", method: "PreviewPayoutRun", request: `{"parent": "programs/azure", "payDate": {"year": 2026, "month": 5, "day": 15}}`},
	{
		name: "R1 the 16th", method: "PreviewPayoutRun", request: `{"parent": "programs/azure", "payDate": {"year": 2026, "month": 5, "day": 16}}`, code: codes.InvalidArgument,
		reason: "PAY_DATE_NOT_15TH", fields: []string{"pay_date"},
	},
	{name: "R1 too early", method: "CreatePayoutRun", request: `{"parent": "programs/azure", "payoutRunId": "2026-06-15"}`, code: codes.FailedPrecondition, reason: "MONTH_NOT_CLOSED"},
	{
		name: "G2 good", method: "CreatePayoutRun", request: `{"parent": "programs/azure", "payoutRunId": "2026-05-15"}`,
		want: map[string]string{"state": "SUCCEEDED", "payoutsCount": "1"},
	},
	{name: "R2 again", method: "CreatePayoutRun", request: `{"parent": "programs/azure", "payoutRunId": "2026-05-15"}`, want: map[string]string{"payoutsCount": "1"}},
	{name: "good", method: "GetPayoutRun", request: `{"name": "programs/azure/payoutRuns/2026-05-15"}`},
	{name: "unknown", method: "GetPayoutRun", request: `{"name": "programs/azure/payoutRuns/2026-04-15"}`, code: codes.NotFound, reason: "PAYOUT_RUN_NOT_FOUND"},
	{name: "good", method: "ListPayoutRuns", request: `{"parent": "programs/azure"}`},
	{name: "malformed", method: "ListPayoutRuns", request: `{"parent": "programs/UPPER"}`, code: codes.InvalidArgument, reason: "NAME_MALFORMED", fields: []string{"parent"}},
	{name: "R5 good", method: "WatchPayoutRun", request: `{"name": "programs/azure/payoutRuns/2026-05-15"}`, want: map[string]string{"state": "SUCCEEDED"}},
	{name: "unknown", method: "WatchPayoutRun", request: `{"name": "programs/azure/payoutRuns/2026-04-15"}`, code: codes.NotFound, reason: "PAYOUT_RUN_NOT_FOUND"},

	{
		name: "C2 good", method: "GetStatement", request: `{"name": "partners/contoso/plans/azure.coop.fy26/statements/2026-04"}`,
		want: map[string]string{"earned.units": "15000", "payable.units": "10000", "withheldOverLimit.units": "5000", "paid.units": "10000"},
	},
	{name: "another year", method: "GetStatement", request: `{"name": "partners/contoso/plans/azure.coop.fy26/statements/2026-07"}`, code: codes.NotFound, reason: "STATEMENT_NOT_FOUND"},
	{name: "month 13", method: "GetStatement", request: `{"name": "partners/contoso/plans/azure.coop.fy26/statements/2026-13"}`, code: codes.InvalidArgument, reason: "MONTH_MALFORMED", fields: []string{"name"}},
	{name: "good", method: "ListStatements", request: `{"parent": "partners/contoso/plans/azure.coop.fy26"}`},
	{name: "no such plan", method: "ListStatements", request: `{"parent": "partners/contoso/plans/azure.mdf.fy26"}`, code: codes.NotFound, reason: "PLAN_NOT_FOUND"},
	{
		name: "good", method: "GetPayout", request: `{"name": "partners/contoso/plans/azure.coop.fy26/payouts/2026-05-15"}`,
		want: map[string]string{"amount.units": "10000", "state": "SCHEDULED"},
	},
	{name: "unknown", method: "GetPayout", request: `{"name": "partners/contoso/plans/azure.coop.fy26/payouts/2026-04-15"}`, code: codes.NotFound, reason: "PAYOUT_NOT_FOUND"},
	{name: "of all partners", method: "ListPayouts", request: `{"parent": "partners/-/plans/-", "filter": "state=\"SCHEDULED\" AND pay_date=\"2026-05-15\""}`},
	{name: "malformed", method: "ListPayouts", request: `{"parent": "partners/-/plans/x"}`, code: codes.InvalidArgument, reason: "NAME_MALFORMED", fields: []string{"parent"}},
	{name: "R6 not failed", method: "RetryPayout", request: `{"name": "partners/contoso/plans/azure.coop.fy26/payouts/2026-05-15"}`, code: codes.FailedPrecondition, reason: "PAYOUT_STATE"},
	{name: "R6 good", method: "FailPayout", request: `{"name": "partners/contoso/plans/azure.coop.fy26/payouts/2026-05-15", "reason": "Account closed."}`, want: map[string]string{"state": "FAILED"}},
	{name: "R6 twice", method: "FailPayout", request: `{"name": "partners/contoso/plans/azure.coop.fy26/payouts/2026-05-15", "reason": "x"}`, code: codes.FailedPrecondition, reason: "PAYOUT_STATE"},
	{name: "R6 good", method: "RetryPayout", request: `{"name": "partners/contoso/plans/azure.coop.fy26/payouts/2026-05-15"}`, want: map[string]string{"state": "SCHEDULED", "amount.units": "10000"}},
	{name: "no reference", method: "ConfirmPayout", request: `{"name": "partners/contoso/plans/azure.coop.fy26/payouts/2026-05-15"}`, code: codes.InvalidArgument, reason: "FIELD_REQUIRED", fields: []string{"reference"}},
	{
		name: "R6 good", method: "ConfirmPayout", request: `{"name": "partners/contoso/plans/azure.coop.fy26/payouts/2026-05-15", "reference": "wire-1"}`,
		want: map[string]string{"state": "PAID", "reference": "wire-1"},
	},
}
