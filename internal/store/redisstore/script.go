package redisstore

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

//go:embed commit.lua
var commitSource string

//go:embed get.lua
var getSource string

//go:embed scan.lua
var scanSource string

// scripts are what the store has Redis do. Each says what it takes and returns in its own file.
type scripts struct{ commit, get, scan *redis.Script }

func newScripts() scripts {
	return scripts{commit: redis.NewScript(commitSource), get: redis.NewScript(getSource), scan: redis.NewScript(scanSource)}
}
