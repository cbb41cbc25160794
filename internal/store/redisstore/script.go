package redisstore

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed master.lua
	masterSource string
	//go:embed commit.lua
	commitSource string
	//go:embed get.lua
	getSource string
	//go:embed scan.lua
	scanSource string
	//go:embed collections.lua
	collectionsSource string
	//go:embed fence.lua
	fenceSource string
)

// scripts are what the store has Redis do. Each says what it takes and returns in its own file.
type scripts struct{ commit, get, scan, collections *redis.Script }

func newScripts() scripts {
	script := func(source string) *redis.Script { return redis.NewScript(masterSource + source) }
	return scripts{
		commit: script(commitSource), get: script(getSource), scan: script(scanSource), collections: script(collectionsSource),
	}
}
