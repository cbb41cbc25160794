package redisstore

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

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
	hosts    []string   // host:port, at least one
	path     string     // what comes after the hosts, without slashes around it
	tuning   url.Values // options that go-redis reads
	own      own
	redacted string // the URL without password and options, for messages
}

// own are the options that are ours.
type own struct {
	prefix                         string
	partitions                     int
	minReplicas                    int
	allowVolatile                  bool
	sentinelUser, sentinelPassword string
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

// Partitions is how many partitions a URL asks for: 0 where it does not, or is wrong, as [Open] says.
func Partitions(url string) int {
	s, _ := parse(url) // what is wrong with it has no number
	return s.own.partitions
}

// schemeOf is the scheme of a kind.
func schemeOf(k kind, tls bool) string {
	if tls {
		return strings.Replace(string(k), "redis", "rediss", 1)
	}
	return string(k)
}

const percent = "what is special in a user name or a password, such as / ? # @ or %, has to be percent-encoded"

// These do not say where it is wrong: what stands there may be a part of the password.
var (
	errMalformed = errors.New("it is malformed; " + percent)
	errPort      = errors.New("it has a port that is no number from 1 to 65535; " + percent)
)

// parse reads a URL. The standard library's parser knows no list of hosts, so these are taken out before.
func parse(text string) (settings, error) {
	name, rest, _ := strings.Cut(text, "://")
	scheme, ok := schemes[name]
	if !ok {
		return settings{}, errors.New("it does not begin with redis://, redis+sentinel:// or redis+cluster://, or rediss for TLS")
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	hosts := authority[strings.LastIndexByte(authority, '@')+1:]
	u, err := url.Parse("redis://" + strings.TrimSuffix(authority, hosts) + "host" + tail)
	if err != nil || strings.ContainsAny(tail, "@#") {
		return settings{}, errMalformed
	}
	s := settings{kind: scheme.kind, tls: scheme.tls, user: u.User, path: strings.Trim(u.Path, "/")}
	if s.hosts, err = splitHosts(hosts, scheme.port); err != nil {
		return settings{}, err
	}
	if s.kind == standalone && len(s.hosts) > 1 {
		return settings{}, fmt.Errorf("it names %d hosts: those of a Cluster are said with redis+cluster://, Sentinels with redis+sentinel://", len(s.hosts))
	}
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return settings{}, errMalformed
	}
	if s.own, err = takeOwn(options, s.kind); err != nil {
		return settings{}, err
	}
	if s.tuning, err = checkTuning(options); err != nil {
		return settings{}, err
	}
	s.redacted = name + "://" + strings.Join(s.hosts, ",")
	if s.path != "" {
		s.redacted += "/" + s.path
	}
	return s, nil
}

// splitHosts splits a list of hosts, and adds the port to those that have none.
func splitHosts(list, port string) ([]string, error) {
	var hosts []string
	for each := range strings.SplitSeq(list, ",") {
		if each == "" {
			return nil, errors.New("it names no host")
		}
		host, itsPort, err := net.SplitHostPort(each)
		if err != nil { // it has no port, or is an IPv6 address
			host, itsPort = strings.Trim(each, "[]"), port
		}
		if n, err := strconv.ParseUint(itsPort, 10, 16); err != nil || n == 0 {
			return nil, errPort
		}
		if !isHost(host) {
			return nil, errMalformed
		}
		hosts = append(hosts, net.JoinHostPort(host, itsPort))
	}
	return hosts, nil
}

// isHost tells whether something is a name or an address.
func isHost(text string) bool {
	if net.ParseIP(text) != nil {
		return true
	}
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return text != ""
}

// takeOwn reads our options, and takes them out of the others.
func takeOwn(options url.Values, k kind) (own, error) {
	var o own
	for name, read := range map[string]func(value string) error{
		"prefix":            func(value string) error { o.prefix = value; return nil },
		"partitions":        func(value string) (err error) { o.partitions, err = number(value, 1, store.MaxPartitions); return err },
		"min_replicas":      func(value string) (err error) { o.minReplicas, err = number(value, 0, maxReplicas); return err },
		"allow_volatile":    func(value string) (err error) { o.allowVolatile, err = strconv.ParseBool(value); return err },
		"sentinel_username": func(value string) error { o.sentinelUser = value; return nil },
		"sentinel_password": func(value string) error { o.sentinelPassword = value; return nil },
	} {
		values, given := options[name]
		if !given || k != sentinel && strings.HasPrefix(name, "sentinel_") {
			continue
		}
		options.Del(name)
		value := values[len(values)-1]
		if err := read(value); err != nil {
			return own{}, fmt.Errorf("its option %s=%s is not understood", name, value)
		}
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

// tunings are the options of go-redis that change nothing of what a store promises. (Others would have it repeat
// commits, or read from replicas.)
var tunings = []string{
	"client_name", "protocol", "skip_verify", "dial_timeout", "read_timeout", "write_timeout",
	"pool_fifo", "pool_size", "pool_timeout", "min_idle_conns", "max_idle_conns", "max_active_conns",
	"conn_max_idle_time", "conn_max_lifetime",
}

// checkTuning returns the options that are left to go-redis.
func checkTuning(options url.Values) (url.Values, error) {
	for name := range options {
		if !slices.Contains(tunings, name) {
			return nil, fmt.Errorf("it has an unknown option %q", name)
		}
	}
	return options, nil
}
