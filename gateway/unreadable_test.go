package gateway

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/incentives-dev/incentives/internal/logtest"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// What does not come to be a TLS connection is in the log, too, and a client that only looks whether somebody listens is not.
func TestUnreadable_Handshakes(t *testing.T) {
	for name, test := range map[string]struct{ sent, want string }{
		"plain text": {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "call=connect reason=TLS_HANDSHAKE_FAILED cause=NO_TLS"},
		"nothing":    {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			journal := &logtest.Journal{}
			log := slog.New(slog.NewTextHandler(journal, nil))
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
			(&unreadable{failures: failures{log: log, refusals: rpc.NewRefusals(log)}}).watch(server.Config)
			closed, turn := make(chan struct{}), server.Config.ConnState
			server.Config.ConnState = func(c net.Conn, state http.ConnState) {
				turn(c, state)
				if state == http.StateClosed {
					close(closed)
				}
			}
			server.StartTLS()
			defer server.Close()
			var dialer net.Dialer
			conn, err := dialer.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, test.sent); err != nil {
				t.Fatal(err)
			}
			if test.sent == "" {
				conn.Close()
			}
			<-closed
			if lines := journal.Lines("refused"); test.want == "" && len(lines) != 0 || test.want != "" && (len(lines) != 1 || !strings.Contains(lines[0], test.want)) {
				t.Errorf("logged %q, want %q", lines, test.want)
			}
		})
	}
}
