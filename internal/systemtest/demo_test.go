package systemtest

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// demo prepares the demo with a folder for its folder.
func demo(t *testing.T) (cmd *exec.Cmd, folder string) {
	t.Helper()
	folder = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience) // it has much to do
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, binary, "demo")
	cmd.Env = append(os.Environ(), "TMPDIR="+folder)
	return cmd, folder
}

func checkEmpty(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v behind (%v), want nothing", left, err)
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	cmd, folder := demo(t)
	got := finish(t, cmd)
	if got.Status != done || got.Err != "" {
		t.Errorf("status %d, %s; want 0 and nothing", got.Status, got.Err)
	}
	for _, want := range []string{ // the pinned examples
		"G1   contoso/azure.coop.fy26    USD        5,000.00  10,000.00   5,000.00      0.00\n",
		"G2   fabrikam/azure.coop.fy26   USD       15,000.00  10,000.00  10,000.00  5,000.00\n",
		"G10  northwind/azure.coop.fy26  JPY       1,200,000  1,000,000  1,000,000   200,000\n",
	} {
		if !strings.Contains(got.Out, want) {
			t.Errorf("it prints\n%s\nwant in it\n%s", got.Out, want)
		}
	}
	checkEmpty(t, folder)
}

func TestDemoIsInterrupted(t *testing.T) {
	t.Parallel()
	for name, interrupt := range map[string]func(cmd *exec.Cmd, out *os.File) error{
		"Ctrl-C":                   func(cmd *exec.Cmd, _ *os.File) error { return cmd.Process.Signal(os.Interrupt) },
		"nobody reads on, as head": func(_ *exec.Cmd, out *os.File) error { return out.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			cmd, folder := demo(t)
			out, in, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			var stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = in, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			in.Close()
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if err := interrupt(cmd, out); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // its exit status is looked at
			if cmd.ProcessState.ExitCode() != failed || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("%s, %q; want exit status 1 and one line", cmd.ProcessState, stderr.String())
			}
			checkEmpty(t, folder)
		})
	}
}
