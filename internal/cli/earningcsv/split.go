package earningcsv

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// maxRecord bounds a line, and a record of several lines, in bytes. The
// longest earning that can be recorded needs less than a tenth of it.
const maxRecord = 64 << 10

// A piece is one line of the file, with its line end.
type piece struct {
	text   string
	number int   // from 1
	end    int64 // the offset behind it
	long   bool  // text is but the beginning of a line longer than maxRecord
}

// A splitter cuts a file into lines, and takes lines back.
type splitter struct {
	in     *bufio.Reader
	back   []piece // taken back, to be read first
	number int
	offset int64
}

func newSplitter(in io.Reader) *splitter {
	return &splitter{in: bufio.NewReaderSize(in, maxRecord)}
}

// next returns the next line, and io.EOF behind the last. Of a line longer than
// maxRecord it returns the beginning.
func (s *splitter) next() (piece, error) {
	if len(s.back) > 0 {
		first := s.back[0]
		s.back = s.back[1:]
		return first, nil
	}
	line, err := s.in.ReadSlice('\n')
	s.number++
	s.offset += int64(len(line))
	next := piece{text: string(line), number: s.number, long: errors.Is(err, bufio.ErrBufferFull)}
	for errors.Is(err, bufio.ErrBufferFull) { // pass over the rest
		line, err = s.in.ReadSlice('\n')
		s.offset += int64(len(line))
	}
	next.end = s.offset
	if errors.Is(err, io.EOF) && next.text != "" { // the last line, without a line end
		err = nil
	}
	return next, err
}

// record returns the lines of the next record: one, or several where a quoted
// field goes over line ends. Where the quotes are wrong, or do not close within
// maxRecord or the file, it is as many lines as were looked at. A line that is
// too long is alone.
func (s *splitter) record() ([]piece, error) {
	first, err := s.next()
	if err != nil {
		return nil, err
	}
	if first.long {
		return []piece{first}, nil
	}
	lines, size := []piece{first}, len(first.text)
	for state := scan(first.text, outside); state == inside && size < maxRecord; {
		line, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if line.long {
			s.takeBack([]piece{line})
			break
		}
		lines, size = append(lines, line), size+len(line.text)
		state = scan(line.text, state)
	}
	return lines, nil
}

// takeBack makes lines the next ones to be read.
func (s *splitter) takeBack(lines []piece) {
	s.back = append(append(make([]piece, 0, len(lines)+len(s.back)), lines...), s.back...)
}

// A quoting is where a line ends: outside of quotes, inside of them, or in
// quotes that are wrong whatever comes.
type quoting int

const (
	outside quoting = iota
	inside
	wrong
)

// scan returns where a line ends that begins outside or inside of quotes. Since
// it stops at what is wrong, every quote that it passes changes sides; so a line
// that leads inside from outside leads outside from inside, and a file is read
// over again at most once, however its quotes stand.
func scan(line string, state quoting) quoting {
	line = strings.TrimRight(line, "\r\n")
	start := state == outside // of a field
	for i := 0; i < len(line); i++ {
		quote := line[i] == '"'
		switch {
		case state == inside && !quote:
		case state == inside && strings.HasPrefix(line[i+1:], `"`):
			i++ // two quotes are one that is meant
		case state == inside && (i+1 == len(line) || line[i+1] == ','):
			state, start = outside, false
		case state == inside || quote && !start:
			return wrong
		case quote:
			state = inside
		default:
			start = line[i] == ',' || start && (line[i] == ' ' || line[i] == '\t')
		}
	}
	return state
}

func join(lines []piece) string {
	if len(lines) == 1 {
		return lines[0].text
	}
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(line.text)
	}
	return text.String()
}
