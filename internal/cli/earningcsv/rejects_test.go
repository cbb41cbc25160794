package earningcsv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/cli/earningcsv"
)

func TestRejects(t *testing.T) {
	tests := []struct {
		name   string
		before string // what an earlier import left
		lines  []string
		whole  bool
		want   string // "" where no file is to be there
	}{
		{"some lines", "", []string{"a\r\n", "b"}, true, "header\na\r\nb\n"},
		{"some lines replace earlier ones", "old", []string{"a\n"}, true, "header\na\n"},
		{"no line", "", nil, true, ""},
		{"no line removes earlier ones", "old", nil, true, ""},
		{"stopped without a line leaves earlier ones", "old", nil, false, "old"},
		{"stopped with a line", "old", []string{"a\n"}, false, "header\na\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "april.csv.rejected")
			if test.before != "" {
				if err := os.WriteFile(path, []byte(test.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			rejects, err := earningcsv.NewRejects(path, "header\n")
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range test.lines {
				rejects.Add(line)
			}
			if err := rejects.Close(test.whole); err != nil {
				t.Fatalf("Close: %v", err)
			}
			got, _ := os.ReadFile(path)
			if string(got) != test.want {
				t.Errorf("file = %q, want %q", got, test.want)
			}
			left, err := filepath.Glob(filepath.Join(folder, ".*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v; want nothing", left, err)
			}
		})
	}
}

func TestNewRejectsSaysThatItCannotWrite(t *testing.T) {
	folder := t.TempDir()
	for name, path := range map[string]string{"no such folder": filepath.Join(folder, "gone", "x.rejected"), "a folder itself": folder} {
		_, err := earningcsv.NewRejects(path, "header\n")
		if err == nil || !strings.Contains(err.Error(), "with --rejected") {
			t.Errorf("%s: error = %v, want advice", name, err)
		}
	}
}
