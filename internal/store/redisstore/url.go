package redisstore

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/store"
)

// A kind says what a URL leads to.
type kind string

const (
	standalone kind = "redis"
	sentinel   kind = "redis+sentinel"
	clustered  kind = "redis+cluster"
)

// settings are what a URL says.
type settings struct {
	kind     kind
	tls      bool
	user     *url.Userinfo
	hosts    []string // host:port, at least one
	path     string   // what comes after the hosts, without slashes around it
	options  url.Values
	own      own
	redacted string // the URL without password and options, for messages
}

// own are the options that are ours; go-redis knows the others.
type own struct {
	prefix        string
	partitions    int
	minReplicas   int
	allowVolatile bool
}

// schemes are what URLs begin with.
var schemes = map[string]struct {
	kind kind
	tls  bool
	port string // where none is said
}{
	"redis":           {standalone, false, "6379"},
	"rediss":          {standalone, true, "6379"},
	"redis+sentinel":  {sentinel, false, "26379"},
	"rediss+sentinel": {sentinel, true, "26379"},
	"redis+cluster":   {clustered, false, "6379"},
	"rediss+cluster":  {clustered, true, "6379"},
}

// Knows tells whether a URL's scheme is one of this package's.
func Knows(scheme string) bool {
	_, ok := schemes[scheme]
	return ok
}

// parse reads a URL. The standard library's parser knows no list of hosts, so these are taken out before.
func parse(text string) (settings, error) {
	name, rest, _ := strings.Cut(text, "://")
	scheme, ok := schemes[name]
	if !ok {
		return settings{}, fmt.Errorf("%q is not the scheme of a Redis URL", name)
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	hosts := authority[strings.LastIndexByte(authority, '@')+1:]
	u, err := url.Parse("redis://" + strings.TrimSuffix(authority, hosts) + "host" + tail)
	if err != nil { // without its text, which has the password in it
		return settings{}, fmt.Errorf("it is malformed: what is special in a user name or password has to be percent-encoded")
	}
	s := settings{kind: scheme.kind, tls: scheme.tls, user: u.User, path: strings.Trim(u.Path, "/"), options: u.Query()}
	for host := range strings.SplitSeq(hosts, ",") {
		if host == "" {
			return settings{}, fmt.Errorf("it names no host")
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), scheme.port)
		}
		s.hosts = append(s.hosts, host)
	}
	if s.kind == standalone && len(s.hosts) > 1 {
		return settings{}, fmt.Errorf("it names %d hosts: those of a Cluster are said with redis+cluster://, Sentinels with redis+sentinel://", len(s.hosts))
	}
	if s.own, err = takeOwn(s.options); err != nil {
		return settings{}, err
	}
	s.redacted = name + "://" + strings.Join(s.hosts, ",")
	if s.path != "" {
		s.redacted += "/" + s.path
	}
	return s, nil
}

// takeOwn reads our options, and takes them out of the others.
func takeOwn(options url.Values) (own, error) {
	var o own
	for _, name := range []string{"prefix", "partitions", "min_replicas", "allow_volatile"} {
		values, given := options[name]
		if !given {
			continue
		}
		value := values[len(values)-1]
		options.Del(name)
		var err error
		switch name {
		case "prefix":
			o.prefix = value
		case "partitions":
			o.partitions, err = number(value, 1, store.MaxPartitions)
		case "min_replicas":
			o.minReplicas, err = number(value, 0, maxReplicas)
		case "allow_volatile":
			o.allowVolatile, err = strconv.ParseBool(value)
		}
		if err != nil {
			return own{}, fmt.Errorf("its option %s=%s is not understood", name, value)
		}
	}
	if strings.ContainsAny(o.prefix, "{}") {
		return own{}, fmt.Errorf("its option prefix has { or } in it, which say in which slot a key lies")
	}
	return o, nil
}

// maxReplicas is more than anybody has.
const maxReplicas = 100

func number(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err == nil && (n < least || n > most) {
		err = strconv.ErrRange
	}
	return n, err
}

// library is the URL as go-redis reads it, which knows its own options: one host, the others as an option.
func (s settings) library(others string) string {
	u := url.URL{Scheme: "redis", User: s.user, Host: s.hosts[0]}
	if s.tls {
		u.Scheme = "rediss"
	}
	query := url.Values{}
	for name, values := range s.options {
		query[name] = values
	}
	for _, host := range s.hosts[1:] {
		query.Add(others, host)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// connect makes the client, and connects to nothing yet.
func (s settings) connect() (server, error) {
	switch s.kind {
	case clustered:
		if s.path != "" {
			return nil, fmt.Errorf("it names the database %q: a Cluster has one only", s.path)
		}
		o, err := redis.ParseClusterURL(s.library("addr"))
		if err != nil {
			return nil, s.misread(err)
		}
		o.MaxRedirects = -1
		o.ContextTimeoutEnabled = true
		o.NewClient = func(o *redis.Options) *redis.Client {
			o.MaxRetries = -1
			return redis.NewClient(o)
		}
		return cluster{redis.NewClusterClient(o)}, nil
	case sentinel:
		return s.connectSentinel()
	case standalone:
	}
	o, err := redis.ParseURL(s.library(""))
	if err != nil {
		return nil, s.misread(err)
	}
	if o.DB, err = s.database(s.path); err != nil {
		return nil, err
	}
	o.MaxRetries = -1
	o.ContextTimeoutEnabled = true
	return single{redis.NewClient(o)}, nil
}

func (s settings) connectSentinel() (server, error) {
	master, database, _ := strings.Cut(s.path, "/")
	if master == "" {
		return nil, fmt.Errorf("it does not say which master the Sentinels watch: redis+sentinel://host1,host2/MASTER")
	}
	o, err := redis.ParseFailoverURL(s.library("addr"))
	if err != nil {
		return nil, s.misread(err)
	}
	o.MasterName = master
	if o.DB, err = s.database(database); err != nil {
		return nil, err
	}
	// The URL's user is that of the servers; go-redis takes it for that of the Sentinels.
	o.SentinelUsername, o.SentinelPassword = s.options.Get("sentinel_username"), s.options.Get("sentinel_password")
	o.Username = s.user.Username()
	o.Password, _ = s.user.Password()
	o.MaxRetries = -1
	o.ContextTimeoutEnabled = true
	return single{redis.NewFailoverClient(o)}, nil
}

// database reads the number of a database.
func (s settings) database(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not the number of a database", text)
	}
	return n, nil
}

// misread says that go-redis does not understand an option.
func (s settings) misread(err error) error {
	return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "redis: "))
}
