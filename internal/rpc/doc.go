// Package rpc is what both services and their clients need of gRPC: errors
// that keep their reason on the way, resource names and dates as the protos
// write them, a server that starts and stops in order, and a way to reach one.
package rpc
