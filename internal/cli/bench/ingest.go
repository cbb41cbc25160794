package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/sample"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// seriesFlags say which earnings to generate.
type seriesFlags struct {
	Plans  int    `env:"-" default:"20000" help:"Over how many plans, as \"bench plans\" wrote them (default ${default})."`
	Series string `env:"-" default:"1" help:"Of which series: the same one again is made of the same earnings, another one of others (default ${default})."`
	Month  string `env:"-" default:"2026-04" help:"In which month they are earned (default ${default})."`

	earned time.Time // when all of them were: a moment of Month
	once   sync.Once
	names  []string // of the plans
}

// Bounds of what is asked for: beyond them numbers overflow, or what is made of them does not fit in memory.
const (
	mostPlans   = 10_000_000
	mostCount   = 1_000_000_000_000
	mostBatch   = 5000 // as many as a service takes
	mostStreams = 24   // likewise
	mostWorkers = 10_000
)

// check checks the flags, and those numbers that a command has besides them.
func (c *seriesFlags) check(others ...int64) error {
	month, err := time.Parse("2006-01", c.Month)
	if err != nil || c.Plans < 1 || slices.Min(others) < 1 {
		return errors.New("--month is such as 2026-04, and every number above 0")
	}
	if c.Plans > mostPlans {
		return fmt.Errorf("--plans is at most %d", mostPlans)
	}
	c.earned = month.AddDate(0, 0, 9)
	return nil
}

type payoutFlags struct {
	Payoutsvc string `default:"127.0.0.1:9002" placeholder:"HOST:PORT" help:"Where the payout service listens (default ${default})."`
	JSON      bool   `env:"-" name:"json" help:"Print one line of JSON for programs."`
	rpc.Caller
}

// dial reaches a service.
func (f *payoutFlags) dial(address string) (*grpc.ClientConn, error) {
	options, err := f.DialOptions(address)
	if err != nil {
		return nil, err
	}
	return rpc.Dial(address, options...)
}

type ingest struct {
	seriesFlags
	payoutFlags
	Count   int64 `env:"-" default:"1000000" help:"How many earnings (default ${default})."`
	Batch   int   `env:"-" default:"1000" help:"How many go in one batch, at most 5000 (default ${default})."`
	Streams int   `env:"-" default:"2" help:"How many streams send at once (default ${default})."`
	Each    bool  `env:"-" help:"The plans one after the other instead of at random, so that --count of as many --plans reach all of them."`
}

// Help is printed below the flags' list by --help.
func (*ingest) Help() string {
	return `The same command again sends the same earnings, which are duplicates then; they count, and are told apart. The times are those of
a batch, from when it is sent until it is acknowledged, with up to three others on their way; how long it waits for room among these is
not in them.

Rejected earnings are counted by reason, beside the rate, and do not end it. Exit status 2 where some were rejected, and 1 where all
were, or where a stream broke off.

    incentives bench ingest --count 1000000
    incentives bench ingest --count 1000000 --series 2 --json`
}

// inFlight is how many batches of a stream are on their way.
const inFlight = 4

// nameBytes is about how long the name of an earning is.
const nameBytes = 80

// Run streams the earnings over all streams and prints the rates.
func (c *ingest) Run(ctx context.Context, console *cli.Console) error {
	if err := c.check(c.Count, int64(c.Batch), int64(c.Streams)); err != nil {
		return err
	}
	if c.Count > mostCount || c.Batch > mostBatch || c.Streams > mostStreams {
		return fmt.Errorf("--count is at most %d, --batch %d, and --streams %d", int64(mostCount), mostBatch, mostStreams)
	}
	m := newMeter(console, "ingest", c.Count)
	m.outcomes = &Outcomes{}
	group, ctx := errgroup.WithContext(ctx)
	share := (c.Count + int64(c.Streams) - 1) / int64(c.Streams)
	for s := range int64(c.Streams) {
		first, last := s*share, min(c.Count, (s+1)*share)
		if first >= last {
			break
		}
		group.Go(func() error { return c.stream(ctx, m, first, last) })
	}
	if err := group.Wait(); err != nil {
		m.count(0, 0, err)
	}
	return m.finish(c.JSON)
}

// stream sends the earnings with the numbers from first to last, the latter not among them.
func (c *ingest) stream(ctx context.Context, m *meter, first, last int64) error {
	conn, err := c.dial(c.Payoutsvc)
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := payoutv1.NewPayoutServiceClient(conn).StreamEarnings(ctx)
	if err != nil {
		return err
	}
	room := make(chan struct{}, inFlight)
	sent := make(chan time.Time, inFlight) // when each batch was sent
	all, earned := last-first, timestamppb.New(c.earned)
	go func() {
		for ; first < last; first += int64(c.Batch) {
			request := c.batch(first, min(last, first+int64(c.Batch)), earned)
			select {
			case room <- struct{}{}:
			case <-stream.Context().Done():
				return
			}
			sent <- time.Now()
			if stream.Send(request) != nil {
				return // Recv says why
			}
		}
		_ = stream.CloseSend() // likewise
	}()
	for answered := int64(0); ; {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) && answered < all {
			return fmt.Errorf("the stream ended when %d of its %d earnings were answered", answered, all)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m.batch(response.GetOutcomes(), time.Since(<-sent))
		<-room
		answered += int64(len(response.GetOutcomes()))
	}
}

// batch holds the earnings of a series with the numbers from first to last, the latter not among them.
func (c *ingest) batch(first, last int64, earned *timestamppb.Timestamp) *payoutv1.StreamEarningsRequest {
	n := last - first
	earnings, amounts := make([]payoutv1.Earning, n), make([]moneypb.Money, n) // few allocations for many
	request := &payoutv1.StreamEarningsRequest{Earnings: make([]*payoutv1.Earning, n)}
	var names strings.Builder
	names.Grow(int(n) * nameBytes)
	for k := range n {
		id := scatter(uint64(first + k))
		plan := int((first + k) % int64(c.Plans))
		if !c.Each {
			plan = int(scatter(id) % uint64(c.Plans))
		}
		request.Earnings[k] = &earnings[k]
		earnings[k].Amount = &amounts[k]
		c.generate(&earnings[k], &names, plan, id, earned)
	}
	return request
}

// scatter makes of each number another one that looks like one of many drawn at random. It is the finalizer of SplitMix64.
func scatter(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// name is sample.Name, made once for each plan: whoever measures must not be what takes the time.
func (c *seriesFlags) name(plan int) string {
	c.once.Do(func() {
		c.names = make([]string, c.Plans)
		for i := range c.names {
			c.names[i] = sample.Name(i)
		}
	})
	return c.names[plan]
}

// generate makes an earning whose id is drawn at random, as ids of other systems mostly are. Its amount is there to be set; names are what
// holds its name.
func (c *seriesFlags) generate(e *payoutv1.Earning, names *strings.Builder, plan int, id uint64, earned *timestamppb.Timestamp) {
	cents := int64(id % 100_000)
	var digits [16]byte
	start := names.Len()
	for _, part := range []string{c.name(plan), "/earnings/", c.Series, "-"} {
		names.WriteString(part)
	}
	names.Write(strconv.AppendUint(digits[:0], id|1<<63, 16))
	e.Name = names.String()[start:]
	e.Amount.CurrencyCode, e.Amount.Units, e.Amount.Nanos = "USD", 1+cents/100, int32(cents%100)*10_000_000
	e.EarnTime, e.Description = earned, "some-description-of-an-earning"
}
