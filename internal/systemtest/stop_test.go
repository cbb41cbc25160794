package systemtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// A torrent is a client that streams earnings as fast as it can, and what was acknowledged to it.
type torrent struct {
	plans    []example
	requests []*payoutv1.StreamEarningsRequest // that were sent, or may have been
	answered int                               // how many of them were
	last     *status.Status                    // what the stream ended with; nil where that was lost
}

// next makes one more request, of earnings of a dollar.
func (t *torrent) next() *payoutv1.StreamEarningsRequest {
	const size = 200
	request := &payoutv1.StreamEarningsRequest{}
	for i := range size {
		n := len(t.requests)*size + i
		name := fmt.Sprintf("partners/%s/plans/azure.coop.fy26/earnings/%d", t.plans[n%len(t.plans)].Name, n)
		request.Earnings = append(request.Earnings, dollar(name, clock.Add(-time.Hour)))
	}
	t.requests = append(t.requests, request)
	return request
}

// answer counts an answer, of which every outcome has to be the first one of its earning.
func (t *torrent) answer(s *server, answer *payoutv1.StreamEarningsResponse) {
	s.Helper()
	for i, outcome := range answer.GetOutcomes() {
		if outcome.GetState() != payoutv1.EarningOutcome_RECORDED {
			s.Fatalf("request %d, earning %d: %v, want RECORDED", t.answered, i, outcome)
		}
	}
	t.answered++
}

// overGRPC streams until the server ends the stream. It calls acknowledged at each answer.
func (t *torrent) overGRPC(s *server, acknowledged func()) {
	s.Helper()
	stream, err := payoutv1.NewPayoutServiceClient(s.payouts).StreamEarnings(within(s.T))
	if err != nil {
		s.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for stream.Send(t.next()) == nil {
			continue
		}
	}()
	for {
		answer, err := stream.Recv()
		if err != nil {
			t.last = status.Convert(err)
			break
		}
		t.answer(s, answer)
		acknowledged()
	}
	<-sent
}

// overJSON does the same through the gateway.
func (t *torrent) overJSON(s *server, acknowledged func()) {
	s.Helper()
	body, lines := io.Pipe()
	request, err := http.NewRequestWithContext(within(s.T), http.MethodPost, s.gateway+"/v1/earnings:stream", body)
	if err != nil {
		s.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for {
			data, err := protojson.Marshal(t.next())
			if err != nil {
				panic(err)
			}
			if _, err := lines.Write(append(data, '\n')); err != nil {
				return
			}
		}
	}()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	// The last line may be cut off: the connection of a client that goes on
	// sending is closed under it, and what it has not read by then is lost.
	answers := bufio.NewReader(answer.Body)
	for {
		data, err := answers.ReadBytes('\n')
		if err != nil {
			break
		}
		var line struct{ Result, Error json.RawMessage }
		if err := json.Unmarshal(data, &line); err != nil {
			s.Fatalf("%v in %s", err, data)
		}
		if line.Error != nil {
			t.last = s.status(line.Error)
			continue
		}
		outcomes := &payoutv1.StreamEarningsResponse{}
		if err := protojson.Unmarshal(line.Result, outcomes); err != nil {
			s.Fatal(err)
		}
		t.answer(s, outcomes)
		acknowledged()
	}
	body.Close()
	<-sent
}

// E2: a server that is told to end while earnings come in under load ends in
// peace and in time; all that it acknowledged is there, once, when it is back.
func TestE2_ToldToEndInTheMiddleOfAStream(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		for name, over := range map[string]func(*torrent, *server, func()){"gRPC": (*torrent).overGRPC, "JSON": (*torrent).overJSON} {
			t.Run(name, func(t *testing.T) {
				data := in.empty(t)
				s := serve(t, data, clock)
				client := &torrent{plans: partners(s, 4)}
				stopped := make(chan struct{})
				after := 5 + rand.IntN(10)
				over(client, s, func() {
					if client.answered == after {
						go func() {
							defer close(stopped)
							s.stop()
						}()
					}
				})
				<-stopped
				if reason, _ := details(client.last); client.last != nil && (client.last.Code() != codes.Unavailable || reason != "SERVER_STOPPING") {
					t.Errorf("the stream ended with %v (%s), want UNAVAILABLE and SERVER_STOPPING", client.last, reason)
				}
				if client.answered == len(client.requests) {
					t.Error("all was answered: the test has shown nothing")
				}
				s = serve(t, data, clock)
				s.sendAgain(client.requests, client.answered)
				earned := 0
				for _, request := range client.requests {
					earned += len(request.GetEarnings())
				}
				for _, plan := range client.plans {
					plan.statement(s, "2026-05", map[string]string{"earned": fmt.Sprint(earned / len(client.plans))})
				}
				t.Logf("%d of %d requests were acknowledged", client.answered, len(client.requests))
				s.stop()
			})
		}
	})
}

// R2: a run that is at work when the server is told to end goes on by itself at
// the next start, and pays everybody once.
func TestR2_ToldToEndInTheMiddleOfARun(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		const tries = 8
		original := allDue(t)
		for try := 1; ; try++ {
			data := in.copied(t, original)
			s := serve(t, data, beforePayDay)
			s.startRun()
			s.stop()
			s = serve(t, data, beforePayDay)
			paid := countPayouts(s)
			run := func() document { return s.must(http.MethodGet, "/v1/programs/azure/payoutRuns/2026-05-15", nil) }
			for deadline := time.Now().Add(patience); run().text("state") == "RUNNING" && time.Now().Before(deadline); {
				continue
			}
			if state := run().text("state"); state != "SUCCEEDED" {
				t.Fatalf("the run is %s after the next start, want SUCCEEDED", state)
			}
			checkEverybodyPaidOnce(s, dueCount)
			s.stop()
			if paid < dueCount {
				t.Logf("%d of %d were paid when the server was back, at try %d", paid, dueCount, try)
				return
			}
			if try == tries {
				t.Fatalf("in %d tries, no run was at work when the server was told to end: the test has shown nothing", tries)
			}
		}
	})
}

// startRun starts a run of 15 May without waiting for its end, and returns when it has done something.
func (s *server) startRun() {
	s.Helper()
	client, ctx := payoutv1.NewPayoutServiceClient(s.payouts), within(s.T)
	calling, hangUp := context.WithCancel(ctx)
	defer hangUp()
	go func() {
		_, _ = client.CreatePayoutRun(calling, &payoutv1.CreatePayoutRunRequest{Parent: "programs/azure", PayoutRunId: "2026-05-15"}) // the run itself says what came of it
	}()
	for {
		run, err := client.GetPayoutRun(ctx, &payoutv1.GetPayoutRunRequest{Name: "programs/azure/payoutRuns/2026-05-15"})
		if run.GetPlansDone() > 0 {
			return
		}
		if err != nil && status.Code(err) != codes.NotFound {
			s.Fatal(err)
		}
	}
}

// A client that never finishes does not keep a server from ending in its time.
func TestEndsInTimeWhateverItsClientsDo(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), clock, "--shutdown-timeout", "900ms")
	stream, err := payoutv1.NewPayoutServiceClient(s.payouts).StreamEarnings(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send((&torrent{plans: partners(s, 1)}).next()); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(within(t), "tcp", strings.TrimPrefix(s.gateway, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v1/earnings:batchRecord HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // 100 Continue: it waits for the body
		t.Fatal(err)
	}
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s, want about the shutdown timeout of 900ms at most", took)
	}
	if log := s.log.String(); strings.Contains(log, "panic") || strings.Contains(log, "ERROR") {
		t.Errorf("it reported:\n%s", log)
	}
}

// Who connects and says nothing, as browsers do ahead of their calls, does not hold up the end.
func TestEndsAtOnceWhereNobodySpeaks(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), clock)
	for _, address := range []string{strings.TrimPrefix(s.gateway, "http://"), s.plansvc, s.paysvc} {
		conn, err := (&net.Dialer{}).DialContext(within(t), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	partners(s, 1) // so that they were all accepted
	s.stop()
	if log := s.log.String(); strings.Contains(log, "WARN") {
		t.Errorf("something was waited for:\n%s", log)
	}
}

// A log that nobody reads, as of a collector that hangs, holds up neither the start, nor a call, nor the end.
func TestWorksWithoutAReaderOfItsLog(t *testing.T) {
	t.Parallel()
	reader, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer stderr.Close()
	fill := make([]byte, 1<<20)
	if err := stderr.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := stderr.Write(fill); err == nil {
		t.Fatalf("a pipe took %d bytes: it is not full", n)
	}
	s := serveLogging(t, stderr, t.TempDir(), clock)
	partners(s, 1)
	s.stop()
	if err := reader.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if left, _ := io.ReadAll(reader); !bytes.Equal(left, fill[:len(left)]) {
		t.Errorf("something was logged, so the pipe was not full: the test has shown nothing\n%s", left)
	}
}
