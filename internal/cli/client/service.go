package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// callFlags are those of every command that calls a service.
type callFlags struct {
	Timeout time.Duration `default:"30s" help:"How long to wait for one answer, such as 10s or 2m."`
	JSON    bool          `env:"-" help:"Print JSON for programs, one resource on each line, instead of tables for people."`
	rpc.Caller
}

// planFlags say where the plan service is.
type planFlags struct {
	Plansvc string `default:"127.0.0.1:9001" placeholder:"HOST:PORT" help:"Where the plan service listens (default ${default})."`
	callFlags
}

// payoutFlags say where the payout service is.
type payoutFlags struct {
	Payoutsvc string `default:"127.0.0.1:9002" placeholder:"HOST:PORT" help:"Where the payout service listens (default ${default})."`
	callFlags
}

// A service is a connection to one, and what to say where nobody answers there.
type service struct {
	conn    *grpc.ClientConn
	title   string // "plan service"
	flag    string // "--plansvc"
	address string
	timeout time.Duration
}

func (f planFlags) dial() (planv1.PlanServiceClient, *service, error) {
	s, err := dial(service{title: "plan service", flag: "--plansvc", address: f.Plansvc, timeout: f.Timeout}, f.Caller)
	if err != nil {
		return nil, nil, err
	}
	return planv1.NewPlanServiceClient(s.conn), s, nil
}

func (f payoutFlags) dial() (payoutv1.PayoutServiceClient, *service, error) {
	s, err := dial(service{title: "payout service", flag: "--payoutsvc", address: f.Payoutsvc, timeout: f.Timeout}, f.Caller)
	if err != nil {
		return nil, nil, err
	}
	return payoutv1.NewPayoutServiceClient(s.conn), s, nil
}

func dial(s service, as rpc.Caller) (*service, error) {
	if host, port, err := net.SplitHostPort(s.address); err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("%s %q is not an address HOST:PORT, such as 127.0.0.1:9002", s.flag, s.address)
	}
	options, err := as.DialOptions(s.address)
	if err != nil {
		return nil, err
	}
	conn, err := rpc.Dial(s.address, options...)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", s.flag, s.address, err)
	}
	s.conn = conn
	return &s, nil
}

// explain makes of a failed call what a person can act on: a refusal with its
// reason, or what the connection lacks.
func (s *service) explain(err error) error {
	refusal, isRefusal := errors.AsType[*fault.Error](rpc.FromStatus(err))
	answer, isStatus := status.FromError(err)
	switch {
	case isRefusal && refusal.Kind == fault.Unavailable && refusal.Reason == "": // the connection's words, not the service's
		return fmt.Errorf("no %s answers at %s (%s): start one with \"incentives serve\", or say with %s where it is",
			s.title, s.address, connectionCause(refusal.Message), s.flag)
	case isRefusal:
		return refusal
	case !isStatus || err == nil:
		return err
	case answer.Code() == codes.Canceled:
		return context.Canceled
	case answer.Code() == codes.DeadlineExceeded:
		return fmt.Errorf("the %s at %s has not answered within %s (--timeout)", s.title, s.address, s.timeout)
	case answer.Code() == codes.Unimplemented:
		return fmt.Errorf("what answers at %s is no %s: say with %s where that is", s.address, s.title, s.flag)
	}
	return fmt.Errorf("the %s at %s answered: %s (%s)", s.title, s.address, answer.Message(), answer.Code())
}

// connectionCauses are causes that gRPC gives in words for its own developers.
var connectionCauses = map[string]string{
	"EOF":                              "the connection broke off",
	"use of closed network connection": "it does not answer",
	"produced zero addresses":          "the host is not known",
	"frame too large, note that the frame header looked like an HTTP/1.1 header": "it speaks HTTP, not gRPC",
}

// connectionCause is the cause at the end of what a connection says, such as "connection refused".
func connectionCause(message string) string {
	if _, certificate, ok := strings.Cut(message, "x509: "); ok { // its words have colons of their own, and guesses in brackets
		certificate, _, _ = strings.Cut(certificate, " (possibly")
		return strings.TrimRight(certificate, `"`)
	}
	words := strings.Trim(message[strings.LastIndex(message, ": ")+1:], ` "`)
	if said, ok := connectionCauses[words]; ok {
		return said
	}
	return words
}

// call makes one call, in the time that one is given.
func call[Request, Response any](
	ctx context.Context, s *service, method func(context.Context, Request, ...grpc.CallOption) (Response, error), request Request,
) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	response, err := method(ctx, request)
	return response, s.explain(err)
}

// close ends the connection.
func (s *service) close() { _ = s.conn.Close() }
