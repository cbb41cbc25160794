// Package plan holds the rules of programs, enrollments and plans, and
// nothing else: it decides on what it is given, and waits for nothing.
package plan
