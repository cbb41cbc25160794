package cli

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// A Progress shows how far long work is, on a terminal; elsewhere it is silent.
type Progress struct {
	console *Console
	bar     *progressbar.ProgressBar // nil where there is no terminal
}

// redrawn is how often a bar is drawn at the most.
const redrawn = 100 * time.Millisecond

// Progress starts to show work of total units; a total below zero is not known.
func (c *Console) Progress(total int64, what string) *Progress {
	if !c.Terminal {
		return &Progress{console: c}
	}
	return &Progress{console: c, bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(c.Err),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(redrawn),
		progressbar.OptionSetSpinnerChangeInterval(0), // drawn by Set alone, not by a goroutine of its own
		progressbar.OptionShowElapsedTimeOnFinish(),
		progressbar.OptionClearOnFinish(),
	)}
}

// Set says how many units are done.
func (p *Progress) Set(done int64) {
	if p.bar != nil {
		_ = p.bar.Set64(done) // a bar that cannot be drawn is no reason to stop the work
	}
}

// Total says how many units there are, where that was not known or has changed.
func (p *Progress) Total(total int64) {
	if p.bar != nil && p.bar.GetMax64() != total && total > 0 {
		p.bar.ChangeMax64(total)
	}
}

// Notef prints a message above the bar.
func (p *Progress) Notef(format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	p.console.Notef(format, args...)
}

// Done removes the bar.
func (p *Progress) Done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
