// Package redistest starts real Redis servers for tests: one alone, a Cluster, or a master that Sentinels watch.
//
// Each is a process of the redis-server in PATH, on loopback, with a folder of its own. It syncs its append-only file
// before it answers, as a store requires. All of them end with the test, or with the [Shared] that they belong to, and
// on Linux also when the tests' process dies.
package redistest
