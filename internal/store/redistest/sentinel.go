package redistest

import (
	"context"
	"fmt"
	"testing"
)

// Watched is a master with a replica, and three Sentinels that watch them.
type Watched struct {
	Master, Replica *Server
	Sentinels       []*Server
}

// MasterName is what Sentinels call the master.
const MasterName = "the-master"

// NewWatched starts servers and Sentinels that end with the test. The replica takes the place of a master that is down
// for more than a second. Where the servers have a password, the Sentinels have SentinelPassword.
func NewWatched(t testing.TB, o Options) *Watched {
	t.Helper()
	w := watched(t, o, "sentinel down-after-milliseconds "+MasterName+" 1000")
	t.Cleanup(w.close)
	return w
}

// watched takes more lines of configuration for the Sentinels.
func watched(t testing.TB, o Options, lines ...string) *Watched {
	t.Helper()
	w := &Watched{Master: standalone(t, o)}
	w.Replica = standalone(t, replicaOptions(w.Master, o))
	w.Replica.AwaitMaster(t)
	so := Options{TLS: o.TLS}
	if o.Password != "" {
		so.Password = SentinelPassword
	}
	for range 3 {
		s, err := launch(so, watchingRole, append(w.sentinelLines(so), lines...)...)
		if err != nil {
			w.close()
			t.Fatal(err)
		}
		w.Sentinels = append(w.Sentinels, s)
	}
	for _, s := range w.Sentinels {
		client := s.Client(t)
		Await(t, "the Sentinels know each other", func(ctx context.Context) error {
			return knowsAll(client.Do(ctx, "sentinel", "master", MasterName).Result())
		})
	}
	return w
}

// SentinelPassword is that of the Sentinels, where servers have a password.
const SentinelPassword = "watch me"

func (w *Watched) sentinelLines(o Options) []string {
	lines := []string{
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %s 2", MasterName, portOf(w.Master.Addr)),
		"sentinel failover-timeout " + MasterName + " 3000",
	}
	if o.Password != "" {
		password := quote(o.Password)
		lines = append(lines, "requirepass "+password, "sentinel sentinel-pass "+password,
			"sentinel auth-pass "+MasterName+" "+quote(w.Master.options.Password))
	}
	if user := w.Master.options.User; user != "" {
		lines = append(lines, "sentinel auth-user "+MasterName+" "+user)
	}
	return lines
}

// knowsAll looks at what a Sentinel says of its master.
func knowsAll(answer any, err error) error {
	if err != nil {
		return err
	}
	about, ok := answer.(map[any]any)
	if !ok {
		return fmt.Errorf("%T is no answer of a Sentinel", answer)
	}
	if about["num-slaves"] != "1" || about["num-other-sentinels"] != "2" {
		return fmt.Errorf("it knows %v replicas and %v Sentinels", about["num-slaves"], about["num-other-sentinels"])
	}
	return nil
}

// URL names the Sentinels and their master, as a store takes them.
func (w *Watched) URL() string {
	servers := make([]*Server, len(w.Sentinels))
	for i, s := range w.Sentinels {
		servers[i] = &Server{Addr: s.Addr, options: w.Master.options}
	}
	return listURL("+sentinel", servers) + "/" + MasterName
}

// Place is the URL of a place in the master that nobody else uses.
func (w *Watched) Place() string { return w.URL() + "?prefix=" + newPrefix() }

func (w *Watched) close() {
	for _, s := range append([]*Server{w.Master, w.Replica}, w.Sentinels...) {
		s.close()
	}
}
