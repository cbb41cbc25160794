package redisstore_test

import (
	"os"
	"testing"

	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// shared are the servers that tests use which harm none.
var shared redistest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Close()
	os.Exit(code)
}
