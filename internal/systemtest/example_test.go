package systemtest

import (
	"bytes"
	"compress/gzip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// indented returns the lines that a help sets apart from its sentences: examples, and what a file looks like.
func (s *server) indented(command string) (examples []string, file string) {
	s.Helper()
	help := s.do(s.TempDir(), append(strings.Fields(command), "--help")...)
	if help.Status != done || help.Err != "" {
		s.Fatalf("%s --help: status %d, %q", command, help.Status, help.Err)
	}
	for line := range strings.Lines(help.Out) {
		text, ok := strings.CutPrefix(line, "    ")
		switch {
		case !ok || strings.HasPrefix(text, " "):
		case strings.Contains(text, "incentives "):
			examples = append(examples, strings.TrimSpace(text))
		case strings.Contains(text, ","):
			file += text
		}
	}
	return examples, file
}

// Every example in the help of a client command works as it stands there, in the shell of a stranger whose
// partner is called like the one in the examples.
func TestExamplesOfTheHelpWork(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), beforePayDay)
	createProgram(s, losAngeles)
	contoso := example{Name: "contoso", What: "Plan", Currency: "USD", Limit: "10000"}
	contoso.create(s)
	contoso.take(s, step{Do: "submit"})

	folder := t.TempDir()
	_, april := s.indented("earnings import")
	write(t, folder, "april.csv", april)
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write([]byte(april)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, folder, "april.csv.gz", zipped.String())

	for _, test := range []struct{ command, out string }{ // out is in what the first example prints
		{"plans list", "contoso/azure.coop.fy26"},
		{"plans show", "contoso/azure.coop.fy26"},
		{"earnings import", "april.csv: 2 recorded, 0 duplicates, 0 rejected."},
		{"statement", "1,034.50"},
		{"payouts preview", "USD 1,034.50"},
		{"payouts run", "SUCCEEDED"},
		{"payouts list", "SCHEDULED"},
		{"payouts fail", "FAILED"},
		{"payouts retry", "SCHEDULED"},
		{"payouts confirm", "PAID"},
	} {
		t.Run(test.command, func(t *testing.T) {
			s := s.in(t)
			examples, _ := s.indented(test.command)
			if len(examples) == 0 {
				t.Fatal("the help has no example")
			}
			for i, line := range examples {
				shell := exec.CommandContext(within(t), "sh", "-c", line)
				shell.Dir = folder
				shell.Env = append(s.environment(), "PATH="+filepath.Dir(binary)+":/usr/bin:/bin")
				got := finish(t, shell)
				if got.Status != done || got.Err != "" || i == 0 && !strings.Contains(got.Out, test.out) {
					t.Errorf("$ %s\nstatus %d\n%s%s\nwant 0, and %q in it", line, got.Status, got.Out, got.Err, test.out)
				}
			}
		})
		if test.command == "plans show" { // before, there has to be something to review
			contoso.take(s, step{Do: "approve"})
		}
	}
	s.stop()
}
