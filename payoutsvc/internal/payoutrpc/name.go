package payoutrpc

import (
	"strings"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

const (
	programPattern   = "programs/{program}"
	planPattern      = "partners/{mpn_id}/plans/{plan}"
	earningPattern   = planPattern + "/earnings/{earning}"
	statementPattern = planPattern + "/statements/{month}"
	payoutPattern    = planPattern + "/payouts/{pay_date}"
	runPattern       = programPattern + "/payoutRuns/{pay_date}"
	anyPlanPattern   = "partners/{any_id}/plans/{any_plan}"
)

// planName is the name of the plan with an id under a partner.
func planName(mpnID, plan string) string { return "partners/" + mpnID + "/plans/" + plan }

// earningName is the name of a plan's earning with an id.
func earningName(plan, id string) string { return plan + "/earnings/" + id }

// splitEarning cuts {plan}/earnings/{earning} in two, without checking the
// earning's id. It is what every earning of a batch goes through, and so
// allocates nothing; [rpc.Name] does the same for all other names.
func splitEarning(name string) (plan, id string, ok bool) {
	rest, isPartner := strings.CutPrefix(name, "partners/")
	mpnID, rest, _ := strings.Cut(rest, "/plans/")
	planID, id, isEarning := strings.Cut(rest, "/earnings/")
	program, rest, _ := strings.Cut(planID, ".")
	fundType, year, _ := strings.Cut(rest, ".")
	if !isPartner || !isEarning || !rpc.ValidID(mpnID) || !rpc.ValidID(program) || !rpc.ValidID(fundType) || !rpc.ValidID(year) {
		return "", "", false
	}
	return name[:len("partners/")+len(mpnID)+len("/plans/")+len(planID)], id, true
}

// programOf is the name of the program that a plan, by its well-formed name, is of.
func programOf(plan string) string {
	_, id, _ := strings.Cut(plan, "/plans/")
	program, _, _ := strings.Cut(id, ".")
	return "programs/" + program
}

// readPayDate reads the pay date at path, yyyy-mm-15, and records in v that it
// is none. An empty text is the zero PayDate; the missing field is recorded elsewhere.
func readPayDate(v *fault.Violations, path, text string) payout.PayDate {
	if text == "" {
		return 0
	}
	date, err := payout.ParsePayDate(text)
	if err == nil {
		return date
	}
	if day, err := time.Parse(time.DateOnly, text); err != nil || day.Year() == 0 {
		v.Add(path, "DATE_MALFORMED", "%.80q is not a date in the form yyyy-mm-15", text)
	} else {
		v.Add(path, "PAY_DATE_NOT_15TH", "%s is not a 15th, on which alone payouts are made", text)
	}
	return 0
}

// readRun reads programs/{program}/payoutRuns/{pay_date}.
func readRun(v *fault.Violations, name string) ledger.RunName {
	values := rpc.Name(v, "name", runPattern, name)
	return ledger.RunName{Program: "programs/" + values[0], PayDate: readPayDate(v, "name", values[1])}
}

// readPayout reads {plan}/payouts/{pay_date}.
func readPayout(v *fault.Violations, name string) (plan string, date payout.PayDate) {
	values := rpc.Name(v, "name", payoutPattern, name)
	return planName(values[0], values[1]), readPayDate(v, "name", values[2])
}
