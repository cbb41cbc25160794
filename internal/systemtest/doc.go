// Package systemtest holds the tests of the whole system: the real binary on
// free loopback ports, spoken to as a stranger would, over JSON and over gRPC,
// stopped, killed and started again at other times. It has no code but tests.
package systemtest
