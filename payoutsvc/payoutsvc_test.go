package payoutsvc_test

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/payoutsvc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// The services start in any order, and one that is out and back is found again.
func TestRun_BeforePlansvc(t *testing.T) {
	plansvc, address := newPlansvc(), freeAddress(t)
	s := start(t, t.TempDir(), address, "2026-05-10T00:00:00Z")
	becomes := s.watch(t)
	becomes(notServing)
	if err := rpc.FromStatus(s.record(bounded(t), "a")); fault.ReasonOf(err) != "PLANSVC_UNAVAILABLE" {
		t.Errorf("without plansvc an earning is answered with %v, want PLANSVC_UNAVAILABLE", err)
	}
	stop := servePlansvc(t, plansvc, address)
	becomes(serving)
	if err := s.record(bounded(t), "a"); err != nil {
		t.Errorf("with plansvc an earning is answered with %v, want it recorded", err)
	}
	stop()
	becomes(notServing)
	if err := s.record(bounded(t), "b"); err != nil {
		t.Errorf("a plan that is remembered takes no earnings while plansvc is out: %v", err)
	}
	servePlansvc(t, plansvc, address)
	becomes(serving)
	s.checkEnd(t)
}

// A run that was missed while the service was down is started with it, and what was recorded is paid.
func TestR1_RunStartsWhatWasMissed(t *testing.T) {
	plansvc, address, folder := newPlansvc(), freeAddress(t), t.TempDir()
	servePlansvc(t, plansvc, address)
	before := start(t, folder, address, "2026-05-14T00:00:00Z")
	if err := before.record(bounded(t), "a"); err != nil {
		t.Fatal(err)
	}
	before.checkEnd(t)

	after := start(t, folder, address, "2026-05-20T00:00:00Z")
	after.log.wait(t, "payout run finished", "2026-05-15")
	got, err := after.GetPayoutRun(bounded(t), &payoutv1.GetPayoutRunRequest{Name: run})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetState() != payoutv1.PayoutRun_SUCCEEDED || got.GetPayoutsCount() != 1 {
		t.Errorf("the run is %v, want it SUCCEEDED with one payout", got)
	}
	runs, err := after.ListPayoutRuns(bounded(t), &payoutv1.ListPayoutRunsRequest{Parent: "programs/azure"})
	if err != nil || len(runs.GetPayoutRuns()) != 4 {
		t.Errorf("there are %d runs, %v, want 4: February to May", len(runs.GetPayoutRuns()), err)
	}
	after.checkEnd(t)
}

// What is in flight when the service is told to stop is answered, and Run returns nil.
func TestRun_FinishesWhatIsInFlight(t *testing.T) {
	plansvc, address := newPlansvc(), freeAddress(t)
	servePlansvc(t, plansvc, address)
	s := start(t, t.TempDir(), address, "2026-05-10T00:00:00Z")
	becomes := s.watch(t)
	becomes(serving)
	begun, end := hold(plansvc)
	answer := make(chan error, 1)
	go func() { answer <- s.record(bounded(t), "a") }()
	<-begun
	s.stop()
	becomes(notServing)
	select {
	case err := <-s.done:
		t.Fatalf("Run has returned %v while a call was in flight", err)
	default:
	}
	end()
	if err := <-answer; err != nil {
		t.Errorf("the call that was in flight: %v, want its answer", err)
	}
	s.checkEnd(t)
}

// What does not come to an end is cut off.
func TestRun_CutsOffWhatTakesTooLong(t *testing.T) {
	plansvc, address := newPlansvc(), freeAddress(t)
	servePlansvc(t, plansvc, address)
	s := start(t, t.TempDir(), address, "2026-05-10T00:00:00Z", func(c *payoutsvc.Config) { c.ShutdownTimeout = 50 * time.Millisecond })
	begun, end := hold(plansvc)
	defer end()
	answer := make(chan error, 1)
	go func() { answer <- s.record(bounded(t), "a") }()
	<-begun
	s.checkEnd(t)
	if err := <-answer; status.Code(err) != codes.Unavailable {
		t.Errorf("the call that was cut off: %v, want UNAVAILABLE, so that it is made again", err)
	}
}

// A run that is at work when the service is told to stop goes on with the next process.
func TestR1_RunGoesOnWithTheNextProcess(t *testing.T) {
	plansvc, address, folder := newPlansvc(), freeAddress(t), t.TempDir()
	servePlansvc(t, plansvc, address)
	first := start(t, folder, address, "2026-05-10T00:00:00Z")
	if err := first.record(bounded(t), "a"); err != nil {
		t.Fatal(err)
	}
	begun, end := hold(plansvc)
	create := make(chan *payoutv1.PayoutRun, 1)
	go func() {
		created, err := first.CreatePayoutRun(bounded(t), &payoutv1.CreatePayoutRunRequest{Parent: "programs/azure", PayoutRunId: "2026-05-15"})
		if err != nil {
			t.Error(err)
		}
		create <- created
	}()
	<-begun
	first.checkEnd(t)
	if got := (<-create).GetState(); got != payoutv1.PayoutRun_RUNNING {
		t.Errorf("who started the run is told %s, want RUNNING", got)
	}
	end()

	second := start(t, folder, address, "2026-05-10T00:00:00Z")
	stream, err := second.WatchPayoutRun(bounded(t), &payoutv1.WatchPayoutRunRequest{Name: run})
	if err != nil {
		t.Fatal(err)
	}
	var last *payoutv1.PayoutRun
	for got, err := stream.Recv(); err == nil; got, err = stream.Recv() {
		last = got
	}
	if last.GetState() != payoutv1.PayoutRun_SUCCEEDED || last.GetPayoutsCount() != 1 {
		t.Errorf("in the end the run is %v, want it SUCCEEDED with one payout", last)
	}
	second.checkEnd(t)
}

func TestRun_CannotStart(t *testing.T) {
	taken, err := rpc.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	held := filepath.Join(t.TempDir(), "held")
	db, err := pebblestore.Open(held, pebblestore.Options{Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	free, fresh := freeAddress(t), filepath.Join(t.TempDir(), "fresh")
	for _, test := range []struct {
		name, listen, store string
		want                string
		is                  error
	}{
		{
			"the port is in use", taken.Addr().String(), "pebble:" + fresh,
			"payoutsvc: can't listen on " + taken.Addr().String() + ": bind: address already in use", nil,
		},
		{
			"the store is held by another", free, "pebble:" + held,
			"payoutsvc: store folder " + held + ": the store is in use by this process already", store.ErrInUse,
		},
		{"no store", free, "", `payoutsvc: the store's URL is none`, nil},
		{"an unknown store", free, "postgres://localhost", `payoutsvc: the store's URL has the unknown scheme "postgres"`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := payoutsvc.Run(bounded(t), payoutsvc.Config{
				Listen: test.listen, Store: test.store, Plansvc: free, ShutdownTimeout: time.Second, Log: slog.New(slog.DiscardHandler),
				OnListen: func(net.Addr) { t.Error("it says that it listens") },
			})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Run: %v, want one line: %s", err, test.want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("Run: %v, want it to be %v", err, test.is)
			}
			if listener, err := rpc.Listen(t.Context(), free); err != nil {
				t.Errorf("after that the address is not free: %v", err)
			} else {
				listener.Close()
			}
		})
	}
	if _, err := os.Stat(fresh); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a service that could not listen has made its store: %v", err)
	}
}

// What holds the store lets go of it when Run is over.
func TestRun_LetsGoOfItsStore(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "store")
	s := start(t, folder, freeAddress(t), "2026-05-10T00:00:00Z")
	if _, err := pebblestore.Open(folder, pebblestore.Options{}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("while it runs the store can be opened: %v, want %v", err, store.ErrInUse)
	}
	s.checkEnd(t)
	db, err := pebblestore.Open(folder, pebblestore.Options{})
	if err != nil {
		t.Fatalf("when it is over the store can't be opened: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// Whoever stops the service need not wait for what does not end, and nothing is taken from under it.
func TestRun_GivesUpWhatDoesNotEnd(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "store")
	begun, end := make(chan struct{}, 10), make(chan struct{})
	defer close(end)
	plansvc, address := newPlansvc(), freeAddress(t)
	servePlansvc(t, plansvc, address)
	s := start(t, folder, address, "2026-05-10T00:00:00Z", func(c *payoutsvc.Config) {
		c.ShutdownTimeout = 50 * time.Millisecond
		c.Clock = func() time.Time {
			begun <- struct{}{}
			<-end
			return at("2026-05-10T00:00:00Z")
		}
	})
	<-begun // the scheduler
	go func() { _ = s.record(bounded(t), "a") }()
	<-begun
	s.stop()
	err := <-s.done
	if !errors.Is(err, rpc.ErrAtWork) || !strings.Contains(err.Error(), "/RecordEarning") || !strings.Contains(err.Error(), "payout runs") {
		t.Errorf("Run: %v, want ErrAtWork, of the call and of the scheduler", err)
	}
	if _, err := pebblestore.Open(folder, pebblestore.Options{}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("the store that calls work on can be opened: %v, want %v", err, store.ErrInUse)
	}
}
