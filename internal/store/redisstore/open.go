package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/store"
)

// format is the version of what this package writes. It goes up when an older program could no longer read it.
const format = 1

// openTime is how long opening may take.
const openTime = 10 * time.Second

// Options say how to open a store.
type Options struct {
	// Prefix begins every key, after that of the URL, if there is one, and a colon: services keep apart by this one, and
	// installations in one Redis by the URL's.
	Prefix string

	// Partitions is how many partitions a new store gets, and that an existing one must have; the URL's number goes before
	// it. 0 takes an existing one as it is, or makes store.DefaultPartitions.
	Partitions int

	// MustExist has Open fail with store.ErrMissing where there is no store, instead of creating one.
	MustExist bool

	// Logger gets what an operator should know. Nil discards it.
	Logger *slog.Logger
}

// meta is what a store says of itself, under the key {prefix}:store.
type meta struct {
	Format     int `json:"format"`
	Partitions int `json:"partitions"`
}

// Open opens the store that a URL names, and creates it where there is none:
//
//	redis://[user:password@]host[:port][/database]     one server
//	redis+sentinel://[…@]host1,host2/master[/database] the master that these Sentinels watch
//	redis+cluster://[…@]host1,host2                    the Cluster that these are of
//
// What is special in a user name or a password is percent-encoded; rediss:// and the like use TLS. Options behind a "?"
// are prefix and partitions (see Options), and:
//
//	min_replicas=N        answer nothing before N replicas have all that the answer rests on
//	allow_volatile=true   take a server that can lose what it has acknowledged
//	sentinel_username=…, sentinel_password=…   those of the Sentinels
//
// and these of go-redis: client_name, dial_timeout, read_timeout, write_timeout, pool_size, pool_timeout, pool_fifo,
// min_idle_conns, max_idle_conns, max_active_conns, conn_max_idle_time, conn_max_lifetime, protocol, and skip_verify (not
// for a Cluster).
//
// A server can lose what it has acknowledged when it has no append-only file, does not sync it before it answers, or
// may evict keys; Open refuses it unless allow_volatile says otherwise. Where it may not ask (CONFIG or INFO is
// forbidden), it says so to the Logger.
//
// Every error is one line that names the server and the cause, and never a password. It wraps store.ErrPartitions or
// store.ErrFormat where the store is not what the options and this program expect, and store.ErrUnavailable where the
// server can't be reached.
func Open(url string, o Options) (*DB, error) {
	s, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("the URL of Redis: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Prefix == "":
		o.Prefix = s.own.prefix
	case s.own.prefix != "":
		o.Prefix = s.own.prefix + ":" + o.Prefix
	}
	if s.own.partitions != 0 {
		o.Partitions = s.own.partitions
	}
	db, err := open(s, o)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.redacted, err)
	}
	return db, nil
}

func open(s settings, o Options) (*DB, error) {
	if o.Partitions < 0 || o.Partitions > store.MaxPartitions {
		return nil, fmt.Errorf("%w: %d partitions asked for, 1 to %d are possible", store.ErrInvalid, o.Partitions, store.MaxPartitions)
	}
	if err := checkPrefix(o.Prefix); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	server, err := s.connect()
	if err != nil {
		return nil, err
	}
	db := &DB{server: server, prefix: o.Prefix, replicas: s.own.minReplicas, scripts: newScripts()}
	if err := db.prepare(ctx, s, o); err != nil {
		_ = server.Close() // what went wrong first says more
		return nil, err
	}
	return db, nil
}

// prepare checks the servers, and reads or writes what the store says of itself.
func (db *DB) prepare(ctx context.Context, s settings, o Options) error {
	if err := s.check(ctx, db.server, o.Logger); err != nil {
		return err
	}
	m, err := db.loadMeta(ctx, o)
	db.partitions = m.Partitions
	return err
}

// checkPrefix refuses what would decide where in a Cluster a key lies.
func checkPrefix(prefix string) error {
	if strings.ContainsAny(prefix, "{}") {
		return fmt.Errorf("%w: the prefix %q has { or } in it, which say in which slot of a Cluster a key lies", store.ErrInvalid, prefix)
	}
	return nil
}

// loadMeta returns what the store says of itself, once it is checked, and writes it where the store is new.
func (db *DB) loadMeta(ctx context.Context, o Options) (meta, error) {
	key, partitions := db.metaKey(), o.Partitions
	stored, err := db.readMeta(ctx, o)
	for pause := firstPause; err != nil && untouched(err) && ctx.Err() == nil; pause = min(2*pause, longestPause) {
		db.server.Refresh(ctx)
		wait(ctx, pause)
		stored, err = db.readMeta(ctx, o)
	}
	if errors.Is(err, store.ErrMissing) {
		return meta{}, err
	}
	if err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return meta{}, unreachable(err)
	}
	var m meta
	err = json.Unmarshal(stored, &m)
	if m.Format > format { // whatever else it says
		return meta{}, fmt.Errorf("%w: it has version %d, and this program knows up to %d", store.ErrFormat, m.Format, format)
	}
	if err != nil || m.Format < 1 || m.Partitions < 1 || m.Partitions > store.MaxPartitions {
		return meta{}, fmt.Errorf("%w: its description, under the key %s, is damaged", store.ErrFormat, key)
	}
	if partitions != 0 && partitions != m.Partitions {
		return meta{}, fmt.Errorf("%w: it has %d, and %d are asked for", store.ErrPartitions, m.Partitions, partitions)
	}
	return m, nil
}

func (db *DB) metaKey() string { return db.prefix + ":store" }

// readMeta returns what is stored of it, once it is written.
func (db *DB) readMeta(ctx context.Context, o Options) ([]byte, error) {
	node, err := db.server.Node(ctx, db.metaKey())
	if err != nil {
		return nil, &notSentError{err}
	}
	stored, err := node.Get(ctx, db.metaKey()).Bytes()
	if errors.Is(err, redis.Nil) {
		if o.MustExist {
			return nil, store.ErrMissing
		}
		return db.createMeta(ctx, node, o.Partitions)
	}
	return stored, err
}

// createMeta writes what a new store says of itself, and returns what it says then: another process may be the first.
func (db *DB) createMeta(ctx context.Context, node *redis.Client, partitions int) ([]byte, error) {
	if partitions == 0 {
		partitions = store.DefaultPartitions
	}
	value, err := json.Marshal(meta{Format: format, Partitions: partitions})
	if err != nil {
		return nil, err
	}
	pipe := node.Pipeline()
	pipe.SetNX(ctx, db.metaKey(), value, 0)
	stored := pipe.Get(ctx, db.metaKey())
	var replicas *redis.Cmd
	if db.replicas > 0 {
		replicas = pipe.Do(ctx, "wait", db.replicas, waitTime.Milliseconds())
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	if replicas != nil {
		if err := db.confirm(replicas); err != nil {
			return nil, err
		}
	}
	return stored.Bytes()
}

// unreachable makes one line of why a server does not do what it is asked for on opening.
func unreachable(err error) error {
	switch {
	case redis.HasErrorPrefix(err, "WRONGPASS"):
		return errors.New("the user name or the password is wrong")
	case redis.HasErrorPrefix(err, "NOAUTH"):
		return errors.New("it asks for a user name or a password, and the URL has none")
	case redis.HasErrorPrefix(err, "NOPERM"):
		return fmt.Errorf("the user may not do what is needed: %w", err)
	}
	return unavailable(err)
}
