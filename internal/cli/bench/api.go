package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/sample"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

type api struct {
	Call     string        `arg:"" enum:"record,plan,partner,queue" help:"record, plan, partner or queue: see below."`
	Workers  int           `env:"-" default:"64" help:"How many callers at once (default ${default})."`
	Duration time.Duration `env:"-" default:"10s" help:"For how long (default ${default})."`
	Gateway  string        `env:"-" placeholder:"URL" help:"Over JSON, by this gateway, such as http://127.0.0.1:8080, instead of gRPC."`
	Plansvc  string        `default:"127.0.0.1:9001" placeholder:"HOST:PORT" help:"Where the plan service listens (default ${default})."`
	seriesFlags
	payoutFlags
}

// Help is printed below the flags' list by --help.
func (*api) Help() string {
	return `Each caller makes one call after the other: record is RecordEarning, of a new earning each time; plan is GetPlan; partner is a
page of ListPlans for one partner; queue is the first page of what waits for one reviewer's review, of all partners.

    incentives bench api record
    incentives bench api record --gateway http://127.0.0.1:8080
    incentives bench api queue --workers 1`
}

// Run makes calls from all workers until the duration is over.
func (c *api) Run(ctx context.Context, console *cli.Console) error {
	if err := c.check(int64(c.Workers), int64(c.Duration)); err != nil {
		return err
	}
	if c.Workers > mostWorkers {
		return fmt.Errorf("--workers is at most %d", mostWorkers)
	}
	call, done, err := c.caller()
	if err != nil {
		return err
	}
	defer done()
	m := newMeter(console, "api "+c.Call, -1)
	limit, cancel := context.WithTimeout(ctx, c.Duration)
	defer cancel()
	var group errgroup.Group
	var last atomic.Int64
	start := rand.Uint64() // so that what was recorded before is not recorded again
	for range c.Workers {
		group.Go(func() error {
			for limit.Err() == nil {
				began := time.Now()
				err := call(ctx, start+uint64(last.Add(1)))
				m.count(1, time.Since(began), err)
			}
			return nil
		})
	}
	_ = group.Wait() // errors are counted
	return errors.Join(m.finish(c.JSON), ctx.Err())
}

// A caller makes the n-th call.
type caller func(ctx context.Context, n uint64) error

func (c *api) caller() (caller, func(), error) {
	if c.Gateway != "" {
		return c.overJSON()
	}
	plans, err := c.dial(c.Plansvc)
	if err != nil {
		return nil, nil, err
	}
	payouts, err := c.dial(c.Payoutsvc)
	if err != nil {
		return nil, nil, errors.Join(err, plans.Close())
	}
	done := func() { _ = errors.Join(plans.Close(), payouts.Close()) }
	p, q := planv1.NewPlanServiceClient(plans), payoutv1.NewPayoutServiceClient(payouts)
	return func(ctx context.Context, n uint64) (err error) {
		switch request := c.request(n).(type) {
		case *payoutv1.RecordEarningRequest:
			_, err = q.RecordEarning(ctx, request)
		case *planv1.GetPlanRequest:
			_, err = p.GetPlan(ctx, request)
		case *planv1.ListPlansRequest:
			_, err = p.ListPlans(ctx, request)
		}
		return err
	}, done, nil
}

// request is the n-th one.
func (c *api) request(n uint64) proto.Message {
	random := rand.New(rand.NewPCG(n, 2))
	plan := random.IntN(c.Plans)
	partner, _, _ := strings.Cut(sample.Name(plan), "/plans/")
	switch c.Call {
	case "record":
		earning := &payoutv1.Earning{Amount: &moneypb.Money{}}
		c.generate(earning, &strings.Builder{}, plan, random.Uint64(), timestamppb.New(c.earned))
		parent, id, _ := strings.Cut(earning.GetName(), "/earnings/")
		earning.Name = ""
		return &payoutv1.RecordEarningRequest{Parent: parent, EarningId: id, Earning: earning}
	case "plan":
		return &planv1.GetPlanRequest{Name: sample.Name(plan)}
	case "partner":
		return &planv1.ListPlansRequest{Parent: partner}
	default:
		return &planv1.ListPlansRequest{Parent: "partners/-", Filter: fmt.Sprintf("state = \"SUBMITTED\" AND reviewer_email = %q", sample.Reviewer)}
	}
}

// overJSON makes the same calls by the gateway.
func (c *api) overJSON() (caller, func(), error) {
	if u, err := url.Parse(c.Gateway); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, nil, fmt.Errorf("--gateway is such as http://127.0.0.1:8080, and not %q", c.Gateway)
	}
	if c.Caller != (rpc.Caller{}) {
		return nil, nil, errors.New("--token-file and --tls-… are for calls over gRPC: with --gateway none of them is sent")
	}
	transport := &http.Transport{MaxIdleConnsPerHost: c.Workers}
	client := &http.Client{Transport: transport}
	return func(ctx context.Context, n uint64) error {
		method, path, body, err := inHTTP(c.request(n))
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Gateway, "/")+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", response.Status, answer)
		}
		return err
	}, transport.CloseIdleConnections, nil
}

// inHTTP is a request as a web client makes it.
func inHTTP(request proto.Message) (method, path string, body []byte, err error) {
	switch r := request.(type) {
	case *payoutv1.RecordEarningRequest:
		body, err = protojson.Marshal(r.GetEarning())
		return http.MethodPost, "/v1/" + r.GetParent() + "/earnings?earningId=" + url.QueryEscape(r.GetEarningId()), body, err
	case *planv1.GetPlanRequest:
		return http.MethodGet, "/v1/" + r.GetName(), nil, nil
	case *planv1.ListPlansRequest:
		return http.MethodGet, "/v1/" + r.GetParent() + "/plans?filter=" + url.QueryEscape(r.GetFilter()), nil, nil
	}
	return "", "", nil, fmt.Errorf("%T is not known over JSON", request)
}
