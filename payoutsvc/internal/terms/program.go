package terms

import (
	"context"
	"fmt"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A Program is what payout runs depend on of a program.
type Program struct {
	Name       string         // programs/{program}
	Zone       *time.Location // that it counts days and months in; nil where this machine does not know it
	CreateTime time.Time
}

// Program returns a program by its well-formed name. It fails with
// PROGRAM_NOT_FOUND, TERMS_UNREADABLE where its time zone is not known here, or
// PLANSVC_UNAVAILABLE.
func (c *Client) Program(ctx context.Context, name string) (Program, error) {
	wire, err := c.getProgram(ctx, name)
	if err != nil {
		return Program{}, err
	}
	program := c.program(wire)
	if program.Zone == nil {
		return Program{}, fault.New(fault.Unavailable, Unreadable, "the time zone %q of %s is not known on this machine", wire.GetTimeZone(), name)
	}
	return program, nil
}

// ProgramWindows returns a program's windows, as [payout.Terms] have them. It fails as Program does.
func (c *Client) ProgramWindows(ctx context.Context, name string) (string, error) {
	wire, err := c.getProgram(ctx, name)
	if err != nil {
		return "", err
	}
	return windows(wire.GetResubmissionDays(), wire.GetLateEarningDays()), nil
}

// windows are days after a program year's last one.
func windows(resubmission, lateEarning int32) string {
	return fmt.Sprintf("%d/%d", resubmission, lateEarning)
}

func (c *Client) getProgram(ctx context.Context, name string) (*planv1.Program, error) {
	return call(ctx, func(ctx context.Context) (*planv1.Program, error) {
		return c.plansvc.GetProgram(ctx, &planv1.GetProgramRequest{Name: name})
	})
}

// Programs returns all programs, by name.
func (c *Client) Programs(ctx context.Context) ([]Program, error) {
	var programs []Program
	for token := ""; ; {
		response, err := call(ctx, func(ctx context.Context) (*planv1.ListProgramsResponse, error) {
			return c.plansvc.ListPrograms(ctx, &planv1.ListProgramsRequest{PageSize: callSize, PageToken: token})
		})
		if err != nil {
			return nil, err
		}
		for _, wire := range response.GetPrograms() {
			programs = append(programs, c.program(wire))
		}
		if token = response.GetNextPageToken(); token == "" {
			return programs, nil
		}
	}
}

func (c *Client) program(wire *planv1.Program) Program {
	program := Program{Name: wire.GetName(), CreateTime: wire.GetCreateTime().AsTime()}
	if zone, err := c.zone(wire.GetTimeZone()); err == nil {
		program.Zone = zone
	}
	return program
}
