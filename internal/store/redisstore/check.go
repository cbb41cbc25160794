package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// checkMode checks that what answers is what the URL says: a Cluster is no single server, and a Sentinel is no store.
func (s settings) checkMode(ctx context.Context) error {
	var last error
	for _, host := range s.hosts {
		mode, err := s.modeOf(ctx, host)
		switch {
		case err != nil:
			last = err
			continue
		case mode == modes[s.kind] || mode == "":
			return nil
		}
		for kind, its := range modes {
			if its == mode {
				return fmt.Errorf("%s is %s: its URL begins with %s://", host, names[kind], kind)
			}
		}
		return nil // a mode that is not known yet may do
	}
	return last
}

var (
	// modes are what INFO calls them.
	modes = map[kind]string{standalone: "standalone", sentinel: "sentinel", clustered: "cluster"}
	names = map[kind]string{standalone: "a single server", sentinel: "a Sentinel", clustered: "a node of a Cluster"}
)

// modeOf asks a server in which mode it runs; "" where it may not say.
func (s settings) modeOf(ctx context.Context, host string) (string, error) {
	one := s
	one.hosts, one.path = []string{host}, ""
	one.options = nil
	o, err := redis.ParseURL(one.library(""))
	if err != nil {
		return "", s.misread(err)
	}
	if s.kind == sentinel {
		o.Username, o.Password = s.options.Get("sentinel_username"), s.options.Get("sentinel_password")
	}
	o.MaxRetries = -1
	o.ContextTimeoutEnabled = true
	client := redis.NewClient(o)
	defer client.Close()
	info, err := client.Info(ctx, "server").Result()
	if redis.HasErrorPrefix(err, "NOPERM") {
		return "", nil
	}
	if err != nil {
		return "", unreachable(err)
	}
	return field(info, "redis_mode"), nil
}

// field is what INFO says under a name.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// durability is the check that a server loses nothing that it acknowledges.
type durability struct {
	allowed bool // to lose
	log     *slog.Logger
}

// check checks every server that is, or may become, one that acknowledges.
func (d durability) check(ctx context.Context, s server) error {
	if c, ok := s.(cluster); ok {
		return d.checkCluster(ctx, c.client)
	}
	node, err := s.Node(ctx, "")
	if err != nil {
		return unreachable(err)
	}
	info, err := node.Info(ctx, "replication").Result()
	if err != nil && !redis.HasErrorPrefix(err, "NOPERM") {
		return unreachable(err)
	}
	if field(info, "role") == "slave" {
		return fmt.Errorf("it is a replica, and takes no writes: say the master, or let Sentinels find it")
	}
	return d.checkNode(ctx, node)
}

func (d durability) checkCluster(ctx context.Context, c *redis.ClusterClient) error {
	// Its first answer says whether there is a Cluster at all.
	state, err := c.ClusterInfo(ctx).Result()
	if err != nil {
		return unreachable(err)
	}
	if field(state, "cluster_state") != "ok" {
		return errors.New("the Cluster is not in order (CLUSTER INFO says so): some slots have no master")
	}
	var once sync.Mutex // the nodes are asked at the same time
	return c.ForEachShard(ctx, func(ctx context.Context, node *redis.Client) error {
		once.Lock()
		defer once.Unlock()
		err := d.checkNode(ctx, node)
		if err != nil && untouchedOrGone(err) {
			d.log.WarnContext(ctx, "a node of the Cluster can't be asked how durable it is", "node", node.Options().Addr, "error", err)
			return nil
		}
		return err
	})
}

// untouchedOrGone tells whether a node does not answer: the Cluster lives without it.
func untouchedOrGone(err error) bool { return untouched(errors.Unwrap(err)) || untouched(err) }

// rules say what a server has to be set to, and what can be lost otherwise.
var rules = []struct{ setting, want, loss string }{
	{"appendonly", "yes", "a restart loses everything since the last snapshot"},
	{"appendfsync", "always", "a power cut loses what was acknowledged in the last second or so"},
	{"maxmemory-policy", "noeviction", "it may drop anything when memory is short"},
}

func (d durability) checkNode(ctx context.Context, node *redis.Client) error {
	address := node.Options().Addr
	for _, rule := range rules {
		answer, err := node.ConfigGet(ctx, rule.setting).Result()
		if isForbidden(err) {
			d.log.WarnContext(ctx, "the server does not say how durable it is: CONFIG is forbidden. See that it has "+
				"appendonly yes, appendfsync always and maxmemory-policy noeviction", "server", address)
			return nil
		}
		if err != nil {
			return unreachable(err)
		}
		got := answer[rule.setting]
		switch {
		case got == rule.want, got == "":
		case d.allowed:
			d.log.WarnContext(ctx, "the server can lose what it has acknowledged, and allow_volatile takes it so",
				"server", address, "setting", rule.setting, "is", got, "loss", rule.loss)
		default:
			return fmt.Errorf("%s has %s %s: %s; it needs %s %s (or allow_volatile=true in the URL, where that may be lost)",
				address, rule.setting, got, rule.loss, rule.setting, rule.want)
		}
	}
	return nil
}

// isForbidden tells whether a server does not let CONFIG be called: by its access list, or since the command was renamed away.
func isForbidden(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || err != nil && strings.Contains(err.Error(), "unknown command")
}
