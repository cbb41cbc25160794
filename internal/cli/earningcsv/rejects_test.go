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
		before []string // what earlier imports left
		lines  []string
		at     string // where the lines are then, "" where there is none
		want   string // what is there
	}{
		{"some lines", nil, []string{"a\r\n", "b"}, "april.csv.rejected", "header\na\r\nb\n"},
		{"some lines beside others, which somebody may be mending", []string{"old"}, []string{"a\n"}, "april.csv.rejected.2", "header\na\n"},
		{"beside several", []string{"old", "older"}, []string{"a\n"}, "april.csv.rejected.3", "header\na\n"},
		{"the same lines", []string{"header\na\n"}, []string{"a\n"}, "april.csv.rejected", "header\na\n"},
		{"others of the same length", []string{"header\nb\n"}, []string{"a\n"}, "april.csv.rejected.2", "header\na\n"},
		{"no line", nil, nil, "", ""},
		{"no line leaves others", []string{"old"}, nil, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "april.csv.rejected")
			places := []string{path, path + ".2", path + ".3"}
			for i, text := range test.before {
				if err := os.WriteFile(places[i], []byte(text), 0o600); err != nil {
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
			at, err := rejects.Close()
			if err != nil {
				t.Fatalf("Close: %v", err)
			}
			if got := strings.TrimPrefix(at, folder+string(filepath.Separator)); got != test.at {
				t.Errorf("the lines are in %q, want %q", got, test.at)
			}
			if got, _ := os.ReadFile(at); string(got) != test.want {
				t.Errorf("file = %q, want %q", got, test.want)
			}
			for i, text := range test.before {
				if got, _ := os.ReadFile(places[i]); string(got) != text {
					t.Errorf("%s = %q, want it as it was: %q", places[i], got, text)
				}
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
