package cli

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"time"

	"github.com/alecthomas/kong"
)

// What a process answers when it exits.
const (
	// StatusDone: all that was asked for is done.
	StatusDone = 0
	// StatusFailed: it is not done, and one line on standard error says why.
	StatusFailed = 1
	// StatusPartial: it is done but for a part, which was listed: lines of a
	// file that were rejected, plans of a run that could not be paid.
	StatusPartial = 2
)

// description is printed by `incentives --help`.
const description = `Incentive programs: partners write plans, plans earn, and earnings are paid on the 15th of the following month.

Try "incentives demo" first; it leaves nothing behind. "incentives serve" starts the product on this machine.

Exit status: 0 all done; 1 failed, with one line on standard error that says why; 2 done but for a part that was
listed, such as lines of a file that were rejected or plans that could not be paid.`

// Run parses args by a grammar, a pointer to a struct with kong's tags, runs
// the command that they name, and returns the exit status. A command is a
// struct with a method Run() error, which may take a context.Context and a
// *Console. Flags have environment variables: --listen is INCENTIVES_LISTEN.
func Run(ctx context.Context, grammar any, args []string, console *Console) int {
	out := &checkedWriter{to: console.Out}
	console = &Console{In: console.In, Out: out, Err: console.Err, Terminal: console.Terminal}
	helped := false
	parser, err := kong.New(grammar,
		kong.Name("incentives"),
		kong.Description(description),
		kong.Writers(console.Out, console.Err),
		kong.Exit(func(int) { helped = true }), // --help, which kong would end the process with
		kong.DefaultEnvars("INCENTIVES"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(readDuration)),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(console),
	)
	if err != nil {
		printError(console, fmt.Errorf("the command line is defined wrongly: %w", err))
		return StatusFailed
	}
	parser.Model.HelpFlag.Help = "Show this help."
	command, err := parser.Parse(args)
	if helped {
		return StatusDone
	}
	if err != nil {
		console.Notef("incentives: %s\n%s", usageError(err), usageHint(err))
		return StatusFailed
	}
	answer := status(console, command.Run())
	if out.failed != nil && answer != StatusFailed {
		return status(console, fmt.Errorf("the result cannot be printed: %w", out.failed))
	}
	return answer
}

// readDuration reads a flag that is a length of time.
func readDuration(ctx *kong.DecodeContext, flag reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	length, err := time.ParseDuration(text)
	if err != nil || length < 0 {
		return fmt.Errorf("%q is not a length of time such as 10s or 2m", text)
	}
	flag.SetInt(int64(length))
	return nil
}

// parserWords are what the parser says in words of its own, and what a person would.
var parserWords = []struct {
	said  *regexp.Regexp
	meant string
}{
	{regexp.MustCompile(`expected \w+ value but got "EOL" \(<EOL>\)`), "a value is missing"},
	{
		regexp.MustCompile(`expected \w+ value but got (".*") \((?:short|long) flag\); perhaps try (--[\w-]+=.*)\?`),
		"a value is missing, or if $1 is meant, write $2",
	},
	{regexp.MustCompile(`expected a valid 64 bit int but got (".*")`), "$1 is not a whole number"},
	{regexp.MustCompile(`\(from envar `), "(from the environment: "},
}

// usageError is what is wrong with a command line.
func usageError(err error) string {
	text := Plain(err.Error())
	for _, words := range parserWords {
		text = words.said.ReplaceAllString(text, words.meant)
	}
	return text
}

// usageHint says where the usage of the command is explained whose parsing failed.
func usageHint(err error) string {
	command := "incentives"
	if failed, ok := errors.AsType[*kong.ParseError](err); ok && failed.Context.Selected() != nil {
		command = failed.Context.Selected().FullPath()
	}
	return fmt.Sprintf("Run %q to see how it is used.", command+" --help")
}
