package serve

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/incentives-dev/incentives/gateway"
	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
	"github.com/incentives-dev/incentives/payoutsvc"
	"github.com/incentives-dev/incentives/plansvc"
)

// clockFlag moves the clock.
type clockFlag struct {
	At moment `placeholder:"TIME" help:"Start the clock at another time, such as 2026-05-15T09:00:00-07:00, to rehearse a year; refused off loopback."`
}

// A moment is a time in a flag.
type moment struct{ time.Time }

// UnmarshalText reads RFC 3339, and says so where it cannot.
func (m *moment) UnmarshalText(text []byte) error {
	if err := m.Time.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is not a time with its zone, such as 2026-05-15T09:00:00-07:00", text)
	}
	return nil
}

// clock is the clock for a process that listens on addresses.
func (f clockFlag) clock(addresses ...string) (clock.Clock, error) {
	if f.At.IsZero() {
		return clock.Real(), nil
	}
	for _, address := range addresses {
		if auth.Exposed(address) {
			return nil, fmt.Errorf("--at is for development, and refused off loopback: %s is not on it", address)
		}
	}
	return clock.StartingAt(f.At.Time), nil
}

// printAddress prints the line that says where a part listens.
func printAddress(console *cli.Console, name, address string) {
	if name == gatewayName {
		address = "http://" + address
	}
	console.Printf("%-9s  %s\n", name, address)
}

// Serve is the command `serve`.
type Serve struct {
	Listen          string        `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the JSON gateway listens (default ${default})."`
	Plansvc         string        `default:"127.0.0.1:9001" placeholder:"HOST:PORT" help:"Where the plan service listens for gRPC (default ${default})."`
	Payoutsvc       string        `default:"127.0.0.1:9002" placeholder:"HOST:PORT" help:"Where the payout service listens for gRPC (default ${default})."`
	Data            string        `default:"./incentives-data" placeholder:"FOLDER" help:"Where the data is (default ${default}); made where there is none."`
	Store           string        `placeholder:"URL" help:"Where the data is instead, such as redis://127.0.0.1:6379; both services share it."`
	ShutdownTimeout time.Duration `default:"10s" help:"How long to finish what is in flight when told to end, such as 10s or 1m."`
	payoutsvc.Streams
	AllowOrigin []string `placeholder:"URL" help:"Origins whose pages may use the API, such as https://partners.example.com; none by default."`
	rpc.TLS
	auth.Tokens
	ClientRoles map[string]string `hidden:"" mapsep:"," help:"Of plansvc and payoutsvc by themselves; refused."`
	Limits      limit.Settings    `embed:""`
	clockFlag
	logFlag
}

// stores are the URLs of the services' stores.
func (c *Serve) stores() (plans, payouts string) {
	switch {
	case c.Store == "":
		return "pebble:" + filepath.Join(c.Data, plansvcName), "pebble:" + filepath.Join(c.Data, payoutsvcName)
	case storeurl.IsShared(c.Store):
		return c.Store, c.Store
	}
	return c.Store + "/" + plansvcName, c.Store + "/" + payoutsvcName // a folder is one service's alone
}

// Help is printed below the flags' list by --help.
func (Serve) Help() string {
	return `Prints where each part listens, and "ready" when all of it can work. Ctrl-C or SIGTERM ends it when what is in
flight is finished; a second one ends it at once.

    incentives serve
    incentives serve --at 2026-05-15T09:00:00-07:00 --data ./rehearsal
    incentives serve --store redis://127.0.0.1:6379
    curl http://127.0.0.1:8080/readyz`
}

// Run serves.
func (c *Serve) Run(ctx context.Context, console *cli.Console) error {
	spareCollector()
	now, err := c.clock(c.Listen, c.Plansvc, c.Payoutsvc)
	if err != nil {
		return err
	}
	log, flush := c.logger(console)
	defer flush()
	plans, payouts := c.stores()
	return System{
		Listen: c.Listen, Plansvc: c.Plansvc, Payoutsvc: c.Payoutsvc, PlanStore: plans, PayoutStore: payouts,
		Access: auth.Settings{Tokens: c.Tokens, ClientRoles: c.ClientRoles}, Limits: c.Limits, AllowOrigin: c.AllowOrigin, TLS: c.TLS, Streams: c.Streams,
		ShutdownTimeout: c.ShutdownTimeout, Clock: now, Log: log,
		Listening: func(name, address string) { printAddress(console, name, address) },
		Ready:     func(Addresses) { console.Printf("ready\n") },
	}.Run(ctx)
}

// Plansvc is the command `plansvc`.
type Plansvc struct {
	plansvc.Config
	clockFlag
	logFlag
}

// Help is printed below the flags' list by --help.
func (Plansvc) Help() string {
	return `A folder (pebble:) it has for itself; a Redis it shares with any number of other plansvc. On this machine alone, where others
reach it, and as one of several:

    incentives plansvc
    incentives plansvc --listen 10.0.0.5:9001 --store pebble:/var/lib/incentives/plansvc \
        --oidc-issuer https://login.example.com --oidc-audience incentives \
        --client-roles payoutsvc.example.com=AUDITOR+SERVICE,gateway.example.com=GATEWAY \
        --tls-cert tls.crt --tls-key tls.key --tls-ca ca.crt
    incentives plansvc --store 'redis+cluster://10.0.1.1,10.0.1.2?min_replicas=1'`
}

// Run serves.
func (c *Plansvc) Run(ctx context.Context, console *cli.Console) (err error) {
	spareCollector()
	if c.Clock, err = c.clock(c.Listen); err != nil {
		return err
	}
	log, flush := c.logger(console)
	defer flush()
	c.Log = log
	c.OnListen = func(address net.Addr) { printAddress(console, plansvcName, address.String()) }
	return plansvc.Run(ctx, c.Config)
}

// Payoutsvc is the command `payoutsvc`.
type Payoutsvc struct {
	payoutsvc.Config
	clockFlag
	logFlag
}

// Help is printed below the flags' list by --help.
func (Payoutsvc) Help() string {
	return `It can start before the plan service, and is ready when that one is. It starts the payout runs of the 15th by
itself. On this machine alone, and where others reach it:

    incentives payoutsvc
    incentives payoutsvc --plansvc plansvc.example.com:9001 --listen 10.0.0.6:9002 --store pebble:/var/lib/incentives/payoutsvc \
        --oidc-issuer https://login.example.com --oidc-audience incentives --client-roles gateway.example.com=GATEWAY \
        --tls-cert tls.crt --tls-key tls.key --tls-ca ca.crt
    incentives payoutsvc --store 'redis+cluster://10.0.1.1,10.0.1.2?min_replicas=1'`
}

// Run serves.
func (c *Payoutsvc) Run(ctx context.Context, console *cli.Console) (err error) {
	spareCollector()
	if c.Clock, err = c.clock(c.Listen); err != nil {
		return err
	}
	log, flush := c.logger(console)
	defer flush()
	c.Log = log
	c.OnListen = func(address net.Addr) { printAddress(console, payoutsvcName, address.String()) }
	return payoutsvc.Run(ctx, c.Config)
}

// Gateway is the command `gateway`.
type Gateway struct {
	gateway.Config
	logFlag
}

// Help is printed below the flags' list by --help.
func (Gateway) Help() string {
	return `It can start before the services; /readyz answers 200 when both of them are ready. On this machine alone,
and where others reach it:

    incentives gateway
    incentives gateway --plansvc plansvc.example.com:9001 --payoutsvc payoutsvc.example.com:9002 --listen 10.0.0.4:8080 \
        --tls-cert tls.crt --tls-key tls.key --tls-ca ca.crt --allow-origin https://partners.example.com`
}

// Run serves.
func (c *Gateway) Run(ctx context.Context, console *cli.Console) error {
	spareCollector()
	log, flush := c.logger(console)
	defer flush()
	c.Log = log
	c.OnListen = func(address net.Addr) { printAddress(console, gatewayName, address.String()) }
	return gateway.Run(ctx, c.Config)
}
