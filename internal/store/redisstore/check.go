package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/store"
)

// check checks that a server is what the URL says, and loses nothing that it acknowledges.
func (s settings) check(ctx context.Context, server server, log *slog.Logger) error {
	err := s.checkMode(ctx, log)
	if err == nil {
		err = durability{settings: s, log: log}.check(ctx, server)
	}
	if err != nil && s.tls && strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		// So does one without TLS: it takes the greeting for a command that has not ended yet.
		return fmt.Errorf("%w: does it speak TLS? Without, its URL begins with %s://", err, schemeOf(s.kind, false))
	}
	return err
}

// checkMode checks that what answers is what the URL says: a Cluster is no single server, and a Sentinel is no store.
func (s settings) checkMode(ctx context.Context, log *slog.Logger) error {
	var last error
	for _, host := range s.hosts {
		if last = s.checkHost(ctx, host, log); last == nil || !errors.Is(last, store.ErrUnavailable) {
			return last
		}
	}
	return last
}

var (
	// modes are what INFO calls them.
	modes = map[kind]string{standalone: "standalone", sentinel: "sentinel", clustered: "cluster"}
	names = map[kind]string{standalone: "a single server", sentinel: "a Sentinel", clustered: "a node of a Cluster"}
)

func (s settings) checkHost(ctx context.Context, host string, log *slog.Logger) error {
	o, err := s.direct(host)
	if err != nil {
		return err
	}
	if s.kind == sentinel {
		o.Username, o.Password = s.own.sentinelUser, s.own.sentinelPassword
	}
	client := redis.NewClient(o)
	defer client.Close()
	info, err := client.Info(ctx, "server").Result()
	if isForbidden(err) {
		log.WarnContext(ctx, "the server does not say what it is (INFO is forbidden): see that it is what the URL says", "server", host)
	} else if err != nil {
		if s.kind == standalone {
			return unreachable(err) // there is only one that it can be
		}
		return fmt.Errorf("%s: %w", host, unreachable(err))
	}
	mode := cmp.Or(field(info, "redis_mode"), field(info, "server_mode")) // as Valkey says
	for kind, its := range modes {
		if its == mode && kind != s.kind {
			return fmt.Errorf("%s is %s: its URL begins with %s://", host, names[kind], schemeOf(kind, s.tls))
		}
	}
	if s.kind == sentinel {
		return s.checkMaster(ctx, client)
	}
	return nil
}

// checkMaster checks that a Sentinel knows the master.
func (s settings) checkMaster(ctx context.Context, client *redis.Client) error {
	master, _, err := s.master()
	if err != nil {
		return err
	}
	err = client.Do(ctx, "sentinel", "get-master-addr-by-name", master).Err()
	if errors.Is(err, redis.Nil) {
		return fmt.Errorf("%s watches no master of the name %q", client.Options().Addr, master)
	}
	if err != nil {
		return unreachable(err)
	}
	return nil
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
	settings settings
	log      *slog.Logger
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
	if isForbidden(err) {
		d.log.WarnContext(ctx, "the server does not say its role and its replicas (INFO is forbidden): see that it is a master, and that they are set as it is",
			"server", node.Options().Addr)
	} else if err != nil {
		return unreachable(err)
	}
	if field(info, "role") == "slave" {
		return errors.New("it is a replica, and takes no writes: name the master, or let Sentinels find it")
	}
	if err := d.checkNode(ctx, node); err != nil || d.settings.kind != sentinel {
		return err
	}
	for _, address := range replicasIn(info) {
		o, err := d.settings.direct(address)
		if err != nil {
			return err
		}
		replica := redis.NewClient(o)
		err = d.checkMember(ctx, replica)
		_ = replica.Close() // nothing was left in it
		if err != nil {
			return err
		}
	}
	return nil
}

// replicasIn are the addresses of a master's replicas, from lines such as slave0:ip=10.0.0.2,port=6379,state=online.
func replicasIn(info string) []string {
	var addresses []string
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !strings.HasPrefix(name, "slave") {
			continue
		}
		parts := map[string]string{}
		for part := range strings.SplitSeq(value, ",") {
			key, its, _ := strings.Cut(part, "=")
			parts[key] = its
		}
		if parts["ip"] != "" && parts["port"] != "" {
			addresses = append(addresses, net.JoinHostPort(parts["ip"], parts["port"]))
		}
	}
	return addresses
}

func (d durability) checkCluster(ctx context.Context, c *redis.ClusterClient) error {
	var mu sync.Mutex // the nodes are asked at the same time
	var found error
	err := c.ForEachShard(ctx, func(ctx context.Context, node *redis.Client) error {
		err := d.checkMember(ctx, node)
		mu.Lock()
		defer mu.Unlock()
		if found == nil {
			found = err
		}
		return nil
	})
	if err != nil {
		return unreachable(err)
	}
	return found
}

// checkMember checks one of several servers. They get on without it, so it need not answer.
func (d durability) checkMember(ctx context.Context, node *redis.Client) error {
	if err := node.Ping(ctx).Err(); err != nil && !isForbidden(err) {
		d.log.WarnContext(ctx, "the server can't be asked how durable it is", "server", node.Options().Addr, "error", err)
		return nil
	}
	return d.checkNode(ctx, node)
}

// rules say what a server has to be set to, and what can be lost otherwise.
var rules = []struct{ setting, want, loss string }{
	{"appendonly", "yes", "a restart loses everything since the last snapshot"},
	{"appendfsync", "always", "a power cut loses what was acknowledged in the last second or so"},
	{"no-appendfsync-on-rewrite", "no", "a power cut while its file is rewritten loses what was acknowledged meanwhile"},
	{"maxmemory-policy", "noeviction", "it may drop anything when memory is short"},
}

func (d durability) checkNode(ctx context.Context, node *redis.Client) error {
	address := node.Options().Addr
	for _, rule := range rules {
		answer, err := node.ConfigGet(ctx, rule.setting).Result()
		if err != nil && !isForbidden(err) {
			return unreachable(err)
		}
		got := answer[rule.setting]
		switch {
		case got == rule.want:
		case got == "":
			d.log.WarnContext(ctx, "the server does not say how durable it is (CONFIG is forbidden?): see that it is set so",
				"server", address, "setting", rule.setting, "want", rule.want)
		case d.settings.own.allowVolatile:
			d.log.WarnContext(ctx, "the server can lose what it has acknowledged, and allow_volatile takes it so",
				"server", address, "setting", rule.setting, "is", got, "loss", rule.loss)
		default:
			return fmt.Errorf("%s has %s %s: %s; it needs %s %s (or allow_volatile=true in the URL, where that may be lost)",
				address, rule.setting, got, rule.loss, rule.setting, rule.want)
		}
	}
	return nil
}

// isForbidden tells whether a server does not let a command be called: by its access list, or since it was renamed away.
func isForbidden(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || err != nil && strings.Contains(err.Error(), "unknown command")
}
