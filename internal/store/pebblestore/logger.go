package pebblestore

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

// logger passes Pebble's messages on to slog: what it does at debug, what goes wrong at error.
type logger struct{ *slog.Logger }

// Infof implements pebble.Logger.
func (l logger) Infof(format string, args ...any) {
	if l.Enabled(context.Background(), slog.LevelDebug) {
		l.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

// Errorf implements pebble.Logger.
func (l logger) Errorf(format string, args ...any) {
	l.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. Pebble relies on it not to return. It panics rather than exit, so
// that Open and Commit can make an error of it; elsewhere the process ends, and nothing more is
// acknowledged.
func (l logger) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	panic(fmt.Errorf(format, args...)) //nolint:forbidigo // Pebble must not go on
}

// corrupted notes that a file is damaged. Pebble would call that fatal; but the read that met it fails anyway,
// and nothing else need.
func (l logger) corrupted(info pebble.DataCorruptionInfo) {
	l.Errorf("%s", info)
}
