package redisstore_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// shared are the servers that tests use which harm none.
var shared redistest.Shared

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	defer shared.Close()
	// Most of the time these tests wait for servers to find out what has happened.
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp("", "redisstore-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	// So that this process trusts the test's servers, as a service would trust those of its company.
	authority := filepath.Join(folder, "authority.pem")
	if err := redistest.WriteAuthority(authority); err != nil {
		return 0, err
	}
	if err := os.Setenv("SSL_CERT_FILE", authority); err != nil {
		return 0, err
	}
	return m.Run(), nil
}
