package earningcsv

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Rejects is a file of the lines that were rejected, as they stood, behind the
// header of the file that they come from. It is there as a whole after Close,
// or not at all.
type Rejects struct {
	path  string
	temp  *os.File
	out   *bufio.Writer
	count int
	err   error // the first one that a write met
}

// NewRejects prepares the file, so that a folder that cannot be written is
// known before anything is sent. What stands at path stays until Close.
func NewRejects(path, header string) (*Rejects, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("rejected lines cannot be kept: %s is a folder; say in which file with --rejected", path)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, fmt.Errorf("rejected lines cannot be kept: %w; say where to with --rejected", err)
	}
	r := &Rejects{path: path, temp: temp, out: bufio.NewWriter(temp)}
	r.write(header)
	return r, nil
}

// Add adds a line.
func (r *Rejects) Add(text string) {
	r.count++
	r.write(text)
}

func (r *Rejects) write(text string) {
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if _, err := r.out.WriteString(text); err != nil && r.err == nil {
		r.err = err
	}
}

// Close puts the file into its place where it holds a line. Where it holds
// none, and the whole of the imported file was looked at, it removes what an
// earlier import left there.
func (r *Rejects) Close(whole bool) error {
	err := errors.Join(r.err, r.out.Flush(), r.temp.Sync(), r.temp.Close())
	if r.count > 0 && err == nil {
		err = os.Rename(r.temp.Name(), r.path)
	}
	if r.count == 0 || err != nil {
		err = errors.Join(err, os.Remove(r.temp.Name()))
	}
	if r.count == 0 && whole {
		if gone := os.Remove(r.path); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	if err != nil {
		return fmt.Errorf("rejected lines are not kept: %w", err)
	}
	return nil
}
