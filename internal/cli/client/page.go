package client

import (
	"fmt"

	"github.com/incentives-dev/incentives/internal/cli"
)

// limitFlag bounds what a list prints.
type limitFlag struct {
	Limit int `env:"-" default:"1000" help:"The most to print (default ${default}); 0 prints all, however many."`
}

// Validate is called when the command line has been read.
func (f limitFlag) Validate() error {
	if f.Limit < 0 {
		return fmt.Errorf("--limit %d is below zero", f.Limit)
	}
	return nil
}

// maxPage is the most that a service returns in one page.
const maxPage = 1000

// each calls do for up to limit resources, page by page, and tells whether
// there are more. A limit of 0 is none.
func each[T any](limit int, fetch func(size int32, token string) ([]T, string, error), do func(T) error) (more bool, err error) {
	for token, left := "", limit; ; {
		size := maxPage
		if limit > 0 {
			size = min(maxPage, left)
		}
		page, next, err := fetch(int32(size), token)
		if err != nil {
			return false, err
		}
		for _, resource := range page {
			if err := do(resource); err != nil {
				return false, err
			}
		}
		left -= len(page)
		if next == "" || limit > 0 && left <= 0 {
			return next != "", nil
		}
		token = next
	}
}

// noteMore says that a list was cut off.
func noteMore(console *cli.Console, more bool, limit int) {
	if more {
		console.Notef("These are the first %s; --limit 0 prints all.", cli.Count(int64(limit)))
	}
}
