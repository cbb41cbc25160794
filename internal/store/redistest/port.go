package redistest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

const (
	// Below the ports that systems give to outgoing connections: none of those may take the port of a server that is
	// down, nor connect to itself there.
	firstPort = 12000
	lastPort  = 31999
)

// freePort returns a port of loopback that nobody listens on now.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := firstPort + rand.N(lastPort-firstPort+1)
		l, err := net.Listen("tcp", loopback(port))
		if err == nil {
			_ = l.Close()
			return port, nil
		}
		last = err
	}
	return 0, fmt.Errorf("no port is free: %w", last)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func portOf(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return port
}
