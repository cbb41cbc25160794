// Package client is the commands that call running services, for people and for
// scheduled jobs: earnings, payouts, plans and statement.
//
// What always holds: a command that changes something can be run again after
// whatever interrupted it; with --json it prints one resource on each line, as
// the gateway would answer it, and nothing else; an error names the reason that
// the service gave.
package client
