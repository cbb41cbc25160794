package client_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// A graveyard is a Redis with streams of earnings and dead letters.
type graveyard struct {
	*testing.T
	server *redistest.Server
	client *redis.Client
}

func newGraveyard(t *testing.T) graveyard {
	t.Helper()
	server := redistest.Standalone(t, redistest.Options{})
	return graveyard{t, server, server.Client(t)}
}

// bury adds a dead letter with an id, as payoutsvc leaves it.
func (g graveyard) bury(letter, reason string, fields ...any) {
	g.Helper()
	values := append([]any{"plan", "contoso/azure.coop.fy26", "currency", "USD", "amount", "12.50", "earn_time", "2026-05-02T10:00:00Z"}, fields...)
	values = append(values, "dead.source", "earnings:{3} 1-"+letter, "dead.reason", reason, "dead.message", "because of "+reason)
	if err := g.client.XAdd(g.Context(), &redis.XAddArgs{Stream: "earnings:dead", ID: letter, Values: values}).Err(); err != nil {
		g.Fatal(err)
	}
}

// dead runs `incentives earnings dead`.
func (g graveyard) dead(args ...string) result {
	g.Helper()
	var out, err bytes.Buffer
	args = append([]string{"earnings", "dead"}, args...)
	status := cli.Run(g.Context(), &grammar{}, append(args, "--streams", g.server.URL()), &cli.Console{In: strings.NewReader(""), Out: &out, Err: &err})
	return result{status: status, out: out.String(), err: err.String()}
}

func (g graveyard) same(what string, want, got result) {
	g.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		g.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// checkLeft compares the dead letters that are left, and the ids of the earnings that were put back, both in order.
func (g graveyard) checkLeft(letters, back string) {
	g.Helper()
	ids := func(stream string, of func(redis.XMessage) any) string {
		messages, err := g.client.XRange(g.Context(), stream, "-", "+").Result()
		if err != nil {
			g.Fatal(err)
		}
		var all []string
		for _, m := range messages {
			all = append(all, fmt.Sprint(of(m)))
		}
		return strings.Join(all, " ")
	}
	left := ids("earnings:dead", func(m redis.XMessage) any { return m.ID })
	retried := ids("earnings:{3}", func(m redis.XMessage) any { return m.Values["id"] })
	if left != letters || retried != back {
		g.Errorf("left are %q, put back %q; want %q and %q", left, retried, letters, back)
	}
}

func TestDeadList(t *testing.T) {
	g := newGraveyard(t)
	g.same("none", result{out: "No dead letters.\n"}, g.dead("list"))
	g.same("none, as JSON", result{}, g.dead("list", "--json"))
	g.bury("1-0", "PLAN_NOT_FOUND", "id", "inv-1")
	g.bury("2-0", "ID_MALFORMED", "id", "\x1b[31mred\x1b[0m\n\u202e")
	g.same("a table, in which nothing is a command to the terminal", result{out: "" +
		"Letter  Plan                     Earning         Amount  Earned                Reason          Why\n" +
		"──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────\n" +
		"1-0     contoso/azure.coop.fy26  inv-1        USD 12.50  2026-05-02T10:00:00Z  PLAN_NOT_FOUND  because of PLAN_NOT_FOUND\n" +
		"2-0     contoso/azure.coop.fy26  [31mred[0m   USD 12.50  2026-05-02T10:00:00Z  ID_MALFORMED    because of ID_MALFORMED\n"}, g.dead("list"))
	if got := g.dead("list", "--limit", "1"); !strings.Contains(got.out, "inv-1") || strings.Contains(got.out, "2-0") || !strings.Contains(got.err, "--limit") {
		g.Errorf("a limit: %+v, want the first one and a word that there are more", got)
	}
	lines := strings.Split(strings.TrimSpace(g.dead("list", "--json").out), "\n")
	var second map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &second); err != nil || len(lines) != 2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	want := map[string]any{
		"letter": "2-0", "reason": "ID_MALFORMED", "message": "because of ID_MALFORMED", "stream": "earnings:{3}", "entry": "1-2-0",
		"fields": map[string]any{
			"plan": "contoso/azure.coop.fy26", "currency": "USD", "amount": "12.50", "earn_time": "2026-05-02T10:00:00Z", "id": "\x1b[31mred\x1b[0m\n\u202e",
		},
	}
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("JSON of a dead letter (-want +got):\n%s", diff)
	}
}

// Whoever may add to a stream says nothing to the terminal of whoever looks at it.
func TestDeadListIsPlain(t *testing.T) {
	g := newGraveyard(t)
	const poison = "\x1b]0;title\x07\x1b[2J\r\n\t\x00\x7f\u009b2J\u202e\xff"
	g.bury("1-0", poison, "id", poison, "plan", poison, "currency", poison, "amount", poison, "earn_time", poison, poison, poison)
	for _, test := range []struct {
		args  []string
		lines int
	}{
		{[]string{"list"}, 3},
		{[]string{"list", "--json"}, 1},
	} {
		got := g.dead(test.args...)
		text := strings.ReplaceAll(got.out, "\n", "")
		if got.status != 0 || strings.Count(got.out, "\n") != test.lines || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) || !strings.Contains(text, "title") {
			g.Errorf("%v: status %d, %+q, want %d lines of plain text", test.args, got.status, got.out, test.lines)
		}
	}
}

// There are more than are read at once.
func TestDeadOfManyLetters(t *testing.T) {
	for _, count := range []int{499, 500, 501, 1000, 1001} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			g := newGraveyard(t)
			for i := range count {
				g.bury(fmt.Sprint(i+1, "-0"), "PLAN_NOT_FOUND", "id", "x")
			}
			if got := g.dead("list", "--json", "--limit", "0"); strings.Count(got.out, "\n") != count || got.err != "" {
				t.Errorf("%d lines, %q; want %d", strings.Count(got.out, "\n"), got.err, count)
			}
			g.same("retry", result{out: cli.Count(int64(count)) + " put back.\n"}, g.dead("retry", "--all"))
			g.checkLeft("", strings.TrimSuffix(strings.Repeat("x ", count), " "))
		})
	}
}

func TestDeadRetry(t *testing.T) {
	g := newGraveyard(t)
	for i, reason := range []string{"PLAN_NOT_FOUND", "AMOUNT_ZERO", "PLAN_NOT_FOUND", "AMOUNT_ZERO", "ID_MALFORMED"} {
		g.bury(fmt.Sprint(i+1, "-0"), reason, "id", fmt.Sprint("e", i+1))
	}
	if err := g.client.XAdd(t.Context(), &redis.XAddArgs{Stream: "earnings:dead", ID: "9-0", Values: []string{"plan", "x"}}).Err(); err != nil {
		t.Fatal(err)
	}
	const nowhere = "incentives: 9-0 can't be put back: it holds no entry, or does not say which stream that came from\n"
	for _, step := range []struct {
		name       string
		args       string
		want       result
		left, back string
	}{
		{"which ones", "", result{status: 1, err: "incentives: say which ones: their letters, --reason REASON, or --all\n"}, "1-0 2-0 3-0 4-0 5-0 9-0", ""},
		{"one that is there, one that is not", "2-0 7-0", result{status: 2, out: "1 put back.\n", err: "incentives: there is no dead letter 7-0\n"}, "1-0 3-0 4-0 5-0 9-0", "e2"},
		{"the same again", "2-0", result{status: 2, out: "0 put back.\n", err: "incentives: there is no dead letter 2-0\n"}, "1-0 3-0 4-0 5-0 9-0", "e2"},
		{"one that is named twice", "5-0 5-0", result{out: "1 put back.\n"}, "1-0 3-0 4-0 9-0", "e2 e5"},
		{"of a reason", "--reason PLAN_NOT_FOUND", result{out: "2 put back.\n"}, "4-0 9-0", "e2 e5 e1 e3"},
		{"all but one that somebody else wrote", "--all", result{status: 2, out: "1 put back.\n", err: nowhere}, "9-0", "e2 e5 e1 e3 e4"},
	} {
		t.Run(step.name, func(t *testing.T) {
			g := graveyard{t, g.server, g.client}
			g.same("retry", step.want, g.dead(append([]string{"retry"}, strings.Fields(step.args)...)...))
			g.checkLeft(step.left, step.back)
		})
	}
}

func TestDeadSaysThatRedisIsDown(t *testing.T) {
	g := newGraveyard(t)
	g.server.Kill(t)
	for _, args := range [][]string{{"list"}, {"retry", "--all"}} {
		got := g.dead(args...)
		if got.status != 1 || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.Contains(got.err, "connection refused") {
			t.Errorf("%s: %+v, want status 1 and one line", args[0], got)
		}
	}
}

// Two installations in one Redis have dead letters of their own.
func TestDeadOfAPrefix(t *testing.T) {
	g := newGraveyard(t)
	g.bury("1-0", "PLAN_NOT_FOUND", "id", "inv-1")
	var out, err bytes.Buffer
	args := []string{"earnings", "dead", "list", "--streams", g.server.URL() + "?prefix=acme"}
	cli.Run(t.Context(), &grammar{}, args, &cli.Console{In: strings.NewReader(""), Out: &out, Err: &err})
	g.same("those of another prefix", result{out: "No dead letters.\n"}, result{out: out.String(), err: err.String()})
}
