package earningcsv

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Rejects is a file of the lines that were rejected, as they stood, behind the
// header of the file that they come from. It is there as a whole after Close,
// or not at all, and never in place of another file.
type Rejects struct {
	path  string
	temp  *os.File
	out   *bufio.Writer
	count int
	err   error // the first one that a write met
}

// NewRejects prepares the file, so that a folder that cannot be written is
// known before anything is sent. What stands at path stays.
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

// Close puts the file into its place where it holds a line, and says where that
// is. What stands there already may be lines that somebody is mending: it is
// left as it is, and the file gets a number behind its name, unless it is the same.
func (r *Rejects) Close() (path string, err error) {
	err = errors.Join(r.err, r.out.Flush(), r.temp.Sync(), r.temp.Close())
	if r.count > 0 && err == nil {
		path, err = r.place()
	}
	if err = errors.Join(err, os.Remove(r.temp.Name())); err != nil {
		return "", fmt.Errorf("rejected lines are not kept: %w", err)
	}
	return path, nil
}

// place links the file to the first name at which nothing else stands.
func (r *Rejects) place() (path string, err error) {
	for number := 1; ; number++ {
		path = r.path
		if number > 1 {
			path = fmt.Sprintf("%s.%d", r.path, number)
		}
		err := os.Link(r.temp.Name(), path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		if same, err := sameContent(r.temp.Name(), path); err != nil || same {
			return path, err
		}
	}
}

// sameContent tells whether two files hold the same.
func sameContent(a, b string) (bool, error) {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if err := errors.Join(errA, errB); err != nil || infoA.Size() != infoB.Size() {
		return false, err
	}
	fileA, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fileA.Close()
	fileB, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fileB.Close()
	readA, readB := bufio.NewReader(fileA), bufio.NewReader(fileB)
	for {
		byteA, endA := readA.ReadByte()
		byteB, endB := readB.ReadByte()
		switch {
		case errors.Is(endA, io.EOF) && errors.Is(endB, io.EOF):
			return true, nil
		case endA != nil || endB != nil || byteA != byteB:
			return false, nil
		}
	}
}
