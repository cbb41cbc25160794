// Package cli is what every command of the command line is built on: parsing
// arguments, printing results, progress and errors, and exit statuses. The
// commands themselves are in the packages below it, and main lists them.
//
// What always holds: results go to standard output and nothing else does;
// messages and progress go to standard error, progress only where that is a
// terminal; nothing is coloured; text that others wrote is printed without its
// control characters.
package cli
