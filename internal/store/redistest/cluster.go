package redistest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

const (
	shards = 3
	slots  = 1 << 14
)

// A Cluster has three masters, with a replica each.
type Cluster struct {
	Nodes []*Server // in no order that means anything
}

// NewCluster starts a Cluster that ends with the test. A replica takes the place of a master that is down for more than
// a second.
func NewCluster(t testing.TB, o Options) *Cluster {
	t.Helper()
	c := cluster(t, o)
	t.Cleanup(c.close)
	return c
}

func cluster(t testing.TB, o Options) *Cluster {
	t.Helper()
	c := &Cluster{Nodes: make([]*Server, 2*shards)}
	var group errgroup.Group
	for i := range c.Nodes {
		group.Go(func() error {
			var err error
			c.Nodes[i], err = clusterNode(o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		c.close()
		t.Fatal(err)
	}
	c.join(t)
	c.AwaitReady(t)
	return c
}

func clusterNode(o Options) (*Server, error) {
	bus, err := freePort()
	if err != nil {
		return nil, err
	}
	lines := []string{"cluster-enabled yes", "cluster-node-timeout 1000", "cluster-port " + strconv.Itoa(bus)}
	return launch(o, dataServer, append(dataLines(o), lines...)...)
}

// join makes a Cluster of nodes that know nothing of each other: the first half masters, the other their replicas.
func (c *Cluster) join(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	ids := make([]string, len(c.Nodes))
	for i, node := range c.Nodes {
		client := node.Client(t)
		id, err := client.Do(ctx, "cluster", "myid").Text()
		if i < shards { // before it knows others, as Redis will have it
			first, last := i*slots/shards, (i+1)*slots/shards-1
			err = errors.Join(err, client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(),
				client.Do(ctx, "cluster", "addslotsrange", first, last).Err())
		}
		for _, other := range c.Nodes[:i] {
			bus, busErr := other.bus(ctx, t)
			err = errors.Join(err, busErr, client.Do(ctx, "cluster", "meet", "127.0.0.1", portOf(other.Addr), bus).Err())
		}
		if err != nil {
			t.Fatalf("joining the nodes of a Cluster: %v", err)
		}
		ids[i] = id
	}
	for i, node := range c.Nodes[shards:] {
		client := node.Client(t)
		Await(t, "a node knows its master", func(ctx context.Context) error {
			return client.ClusterReplicate(ctx, ids[i]).Err()
		})
	}
}

// bus is the port where a node talks with the others.
func (s *Server) bus(ctx context.Context, t testing.TB) (string, error) {
	t.Helper()
	answer, err := s.Client(t).ConfigGet(ctx, "cluster-port").Result()
	return answer["cluster-port"], err
}

// AwaitReady waits until all nodes run, every slot has a master, and every master a replica that is connected.
func (c *Cluster) AwaitReady(t testing.TB) {
	t.Helper()
	for _, node := range c.Nodes {
		client := node.Client(t)
		Await(t, "a Cluster is ready", func(ctx context.Context) error { return nodeReady(ctx, client, len(c.Nodes)) })
	}
}

func nodeReady(ctx context.Context, client *redis.Client, nodes int) error {
	state, err := client.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	members, err := client.ClusterNodes(ctx).Result()
	if err != nil {
		return err
	}
	replication, err := client.Info(ctx, "replication").Result()
	if err != nil {
		return err
	}
	if strings.Count(members, "slave ") != nodes/2 {
		return fmt.Errorf("%s knows other replicas:\n%s", client.Options().Addr, members)
	}
	for _, want := range []string{"cluster_state:ok\r\n", fmt.Sprintf("cluster_known_nodes:%d\r\n", nodes), fmt.Sprintf("cluster_size:%d\r\n", shards)} {
		if !strings.Contains(state, want) {
			return fmt.Errorf("%s is not %q:\n%s", client.Options().Addr, want, state)
		}
	}
	if !strings.Contains(replication, "master_link_status:up") && !strings.Contains(replication, "state=online") {
		return fmt.Errorf("%s is connected to no other:\n%s", client.Options().Addr, replication)
	}
	return nil
}

// MasterOf returns the master of a key, as a node that runs knows it.
func (c *Cluster) MasterOf(t testing.TB, key string) *Server {
	t.Helper()
	master, err := c.masterOf(t.Context(), t, key)
	if err != nil {
		t.Fatal(err)
	}
	return master
}

// AwaitOther waits until a key has another master.
func (c *Cluster) AwaitOther(t testing.TB, key string, than *Server) {
	t.Helper()
	Await(t, "a key has another master", func(ctx context.Context) error {
		master, err := c.masterOf(ctx, t, key)
		if master == than {
			return errors.New(than.Addr + " still is its master")
		}
		return err
	})
}

func (c *Cluster) masterOf(ctx context.Context, t testing.TB, key string) (*Server, error) {
	t.Helper()
	running := slices.IndexFunc(c.Nodes, (*Server).runs)
	if running < 0 {
		return nil, errors.New("no node of the Cluster runs")
	}
	client := c.Nodes[running].Client(t)
	slot, err := client.ClusterKeySlot(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	all, err := client.ClusterShards(ctx).Result()
	if err != nil {
		return nil, err
	}
	for _, shard := range all {
		holds := slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End })
		for _, node := range shard.Nodes {
			if holds && node.Role == "master" && node.Health == "online" {
				return c.at(t, strconv.FormatInt(max(node.Port, node.TLSPort), 10)), nil
			}
		}
	}
	return nil, fmt.Errorf("slot %d has no master", slot)
}

// ReplicaOf returns the replica that is connected to a master.
func (c *Cluster) ReplicaOf(t testing.TB, master *Server) *Server {
	t.Helper()
	info, err := master.Client(t).Info(t.Context(), "replication").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(info, "slave0:ip=127.0.0.1,port=")
	port, _, _ = strings.Cut(port, ",")
	return c.at(t, port)
}

func (c *Cluster) at(t testing.TB, port string) *Server {
	t.Helper()
	for _, node := range c.Nodes {
		if portOf(node.Addr) == port {
			return node
		}
	}
	t.Fatalf("no node of the Cluster has port %q", port)
	return nil
}

// URL names all nodes, as a store takes them.
func (c *Cluster) URL() string { return listURL("+cluster", c.Nodes) }

// Place is the URL of a place in the Cluster that nobody else uses.
func (c *Cluster) Place() string { return c.URL() + "?prefix=" + newPrefix() }

// listURL makes one URL of several servers.
func listURL(kind string, servers []*Server) string {
	addresses := make([]string, len(servers))
	for i, s := range servers {
		addresses[i] = s.Addr
	}
	scheme, rest, _ := strings.Cut(servers[0].URL(), "://")
	return scheme + kind + "://" + strings.TrimSuffix(rest, servers[0].Addr) + strings.Join(addresses, ",")
}

func (c *Cluster) close() {
	for _, node := range c.Nodes {
		if node != nil {
			node.close()
		}
	}
}
