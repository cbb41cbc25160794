package earningcsv

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/incentives-dev/incentives/internal/earningtext"
	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// A Line is one record of a file.
type Line struct {
	Number int    // of its first line in the file, from 1
	Text   string // as it stands in the file, with its line end; of one longer than 64 KiB, the beginning
	End    int64  // the offset behind it, in bytes
	// Earning is what the line says; nil where Err says what is wrong with it.
	Earning *payoutv1.Earning
	Err     error
}

// A Reader reads the lines of a file, one after the other.
type Reader struct {
	lines   *splitter
	header  string
	columns []string // as they stand in the file
	fields  *fieldReader
}

// bom begins files that some spreadsheets write.
const bom = "\ufeff"

// NewReader reads the header. It fails where there is none, and where a column
// is missing, unknown or given twice.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{lines: newSplitter(in), fields: newFieldReader()}
	if err := r.readHeader(); err != nil {
		return nil, err
	}
	columns, err := r.fields.read(r.header)
	if err != nil {
		return nil, fmt.Errorf("the header cannot be read: %w", err)
	}
	r.columns = slices.Clone(columns)
	for i, column := range r.columns {
		r.columns[i] = strings.ToLower(strings.TrimSpace(column))
	}
	return r, checkHeader(r.columns)
}

// readHeader reads the first line that is not blank.
func (r *Reader) readHeader() error {
	for r.header == "" {
		lines, err := r.lines.record()
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("the file is empty: its first line names the columns, " + strings.Join(earningtext.Fields(), ","))
		case err != nil:
			return err
		case lines[0].long:
			return fmt.Errorf("line %d is longer than %d bytes: this is no CSV file of earnings", lines[0].number, maxRecord)
		}
		if text := strings.TrimPrefix(join(lines), bom); strings.TrimSpace(text) != "" {
			r.header = text
		}
	}
	if !utf8.ValidString(r.header) || strings.ContainsRune(r.header, 0) { // such as UTF-16
		return errors.New("the file is not in UTF-8; where a spreadsheet saves it, that is called \"CSV UTF-8\"")
	}
	return nil
}

// Header returns the header as it stands in the file, with its line end.
func (r *Reader) Header() string { return r.header }

// Next returns the next line that is not blank, and io.EOF behind the last. A line
// that is not an earning has Err; an error of Next's own ends the reading.
func (r *Reader) Next() (Line, error) {
	for {
		lines, err := r.lines.record()
		if err != nil {
			return Line{}, err
		}
		if strings.TrimSpace(lines[0].text) != "" {
			return r.line(lines), nil
		}
	}
}

// line makes one Line of a record; of a line that is too long, Text is the beginning. Where a record of several lines is not well
// formed, a quote may be to blame that its first line forgot to close: then
// that line alone is bad, and the others are read again by themselves.
func (r *Reader) line(lines []piece) Line {
	text := join(lines)
	if lines[0].long {
		return Line{Number: lines[0].number, Text: text, End: lines[0].end, Err: fault.New(fault.Invalid, "LINE_TOO_LONG",
			"is longer than %d bytes, as no earning is; only its beginning is kept", maxRecord)}
	}
	values, err := r.values(text)
	if err != nil && len(lines) > 1 {
		r.lines.takeBack(lines[1:])
		lines = lines[:1]
		text = lines[0].text
		_, err = r.values(text)
	}
	line := Line{Number: lines[0].number, Text: text, End: lines[len(lines)-1].end, Err: err}
	if err == nil {
		line.Earning, line.Err = earningtext.Read(values)
	}
	return line
}

// values returns a record's values by column.
func (r *Reader) values(text string) (map[string]string, error) {
	fields, err := r.fields.read(text)
	if err != nil {
		return nil, err
	}
	if len(fields) != len(r.columns) {
		return nil, malformed("has %d values, and the header %d columns", len(fields), len(r.columns))
	}
	values := make(map[string]string, len(fields))
	for i, field := range fields {
		values[r.columns[i]] = field
	}
	return values, nil
}

// A fieldReader cuts a record into its values. It keeps one csv.Reader, and
// that one's buffers, over many records.
type fieldReader struct {
	text   strings.Reader
	reader *csv.Reader
}

func newFieldReader() *fieldReader {
	f := &fieldReader{}
	f.reset()
	return f
}

func (f *fieldReader) reset() {
	f.reader = csv.NewReader(&f.text)
	f.reader.FieldsPerRecord = -1 // counted by values, which says it better
	f.reader.TrimLeadingSpace = true
	f.reader.ReuseRecord = true
}

// read returns the values of one record, which are good until the next call.
func (f *fieldReader) read(text string) ([]string, error) {
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	f.text.Reset(text)
	begin := f.reader.InputOffset()
	fields, err := f.reader.Read()
	if err == nil && f.reader.InputOffset()-begin == int64(len(text)) {
		return fields, nil
	}
	f.reset() // it holds the rest of this record
	if failed, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, malformed("is no CSV: %v at character %d", failed.Err, failed.Column)
	}
	return nil, malformed("is no CSV: it holds more than one record")
}
