package gateway

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/incentives-dev/incentives/internal/fault"
)

const allowed, stranger = "https://partners.example.com", "https://evil.example.com"

// denied is how a request is refused that a page of another site has made.
func denied(reason string) refusal { return refusal{Code: codes.PermissionDenied, Reason: reason} }

func TestDoor_Origins(t *testing.T) {
	preflight := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type"}
	web := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-grpc-web,content-type"}
	for name, test := range map[string]struct {
		method  string
		headers []string
		status  int
		origin  string // that may read the answer
		reason  string
	}{
		"no browser":                             {http.MethodPost, nil, 200, "", ""},
		"a page that may":                        {http.MethodPost, []string{"Origin", allowed}, 200, allowed, ""},
		"a page that may, before it does":        {http.MethodOptions, append(preflight, "Origin", allowed), 204, allowed, ""},
		"a page of another site":                 {http.MethodPost, []string{"Origin", stranger}, 403, "", "ORIGIN_NOT_ALLOWED"},
		"it, before it does":                     {http.MethodOptions, append(preflight, "Origin", stranger), 403, "", "ORIGIN_NOT_ALLOWED"},
		"it, by gRPC-Web":                        {http.MethodOptions, append(web, "Origin", stranger), 403, "", "ORIGIN_NOT_ALLOWED"},
		"it, with a form":                        {http.MethodPost, []string{"Origin", stranger, "Content-Type", "text/plain"}, 403, "", "ORIGIN_NOT_ALLOWED"},
		"a page without an origin":               {http.MethodPost, []string{"Origin", "null"}, 403, "", "ORIGIN_NOT_ALLOWED"},
		"a page of another site, without a word": {http.MethodPost, []string{"Sec-Fetch-Site", "cross-site"}, 403, "", "ORIGIN_NOT_ALLOWED"},
		"a page whose name ends like one's":      {http.MethodPost, []string{"Origin", "https://evil-partners.example.com"}, 403, "", "ORIGIN_NOT_ALLOWED"},
		"in plain text":                          {http.MethodPost, []string{"Origin", "http://partners.example.com"}, 403, "", "ORIGIN_NOT_ALLOWED"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				got := s.send(test.method, onePlan+":submit", "", test.headers...)
				if got.status != test.status || got.header.Get("Access-Control-Allow-Origin") != test.origin {
					t.Errorf("answered with %d for %q, want %d for %q: %s", got.status, got.header.Get("Access-Control-Allow-Origin"), test.status, test.origin, got.body)
				}
				if test.reason != "" {
					s.checkRefused(got, test.status, denied(test.reason))
				}
				if called := s.plans.count() == 1; called != (test.status == 200) {
					t.Errorf("the service was called: %t", called)
				}
			})
		})
	}
}

// A page that may use the API reads what is wrong, too; one that only reads may do so without being asked whether it may.
func TestDoor_OriginsOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.plans.refuse(fault.New(fault.NotFound, "PLAN_NOT_FOUND", "there is none"))
		got := s.send(http.MethodGet, onePlan, "", "Origin", allowed)
		if got.header.Get("Access-Control-Allow-Origin") != allowed || got.status != 404 {
			t.Errorf("a refusal is for %q to read, with status %d", got.header.Get("Access-Control-Allow-Origin"), got.status)
		}
		got = s.send(http.MethodGet, onePlan, "", "Origin", stranger)
		if origin := got.header.Get("Access-Control-Allow-Origin"); origin != "" {
			t.Errorf("a refusal is for %q to read", origin)
		}
	})
}

func TestDoor_Bodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		for _, test := range []struct {
			header, value string
			reason        string
		}{
			{"Content-Encoding", "gzip", "ENCODING_UNSUPPORTED"},
			{"Content-Encoding", "identity, gzip", "ENCODING_UNSUPPORTED"},
			{"Content-Type", "application/grpc-web+proto", "CONTENT_TYPE_UNSUPPORTED"},
			{"Content-Type", "application/grpc", "CONTENT_TYPE_UNSUPPORTED"},
		} {
			got := s.send(http.MethodPost, onePlan+":submit", "\x1f\x8b", test.header, test.value)
			s.checkRefused(got, http.StatusUnsupportedMediaType, refusal{Code: codes.InvalidArgument, Reason: test.reason})
		}
		if n := strings.Count(s.log.String(), "ENCODING_UNSUPPORTED"); n != 1 {
			t.Errorf("the same refusal is in the log %d times, want once:\n%s", n, s.log.String())
		}
	})
}

// When to come again is in the header, where clients of HTTP look for it.
func TestDoor_RetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		limit := fault.New(fault.Limit, "RATE_EXCEEDED", "too many calls")
		limit.RetryAfter = 1_200_000_000
		s.plans.refuse(limit)
		got := s.send(http.MethodGet, onePlan, "")
		if after := got.header.Get("Retry-After"); got.status != http.StatusTooManyRequests || after != "2" {
			t.Errorf("answered with %d, Retry-After %q; want 429 and 2 seconds, which is 1.2 rounded up", got.status, after)
		}
		s.plans.refuse(fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "who are you"))
		if kind := s.send(http.MethodGet, onePlan, "").header.Get("WWW-Authenticate"); kind != "Bearer" {
			t.Errorf("who is not known is asked for %q, want Bearer", kind)
		}
	})
}

// The services are told for whom they are called, and for which host, by what the gateway knows, and not by what the client says.
func TestDoor_Forwarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.send(http.MethodGet, onePlan, "", "X-Forwarded-Host", "localhost", "Grpc-Metadata-X-Forwarded-Host", "localhost",
			"Grpc-Metadata-Authorization", "Bearer x", "Grpcgateway-Authorization", "Bearer x", "X-Authorization", "Bearer x")
		md := s.plans.last(t).metadata
		if diff := cmp.Diff([]string{"gateway"}, md.Get("x-forwarded-host")); diff != "" {
			t.Errorf("the host that was asked for (-want +got):\n%s", diff)
		}
		for _, name := range []string{"authorization", "grpcgateway-authorization", "x-authorization"} {
			if values := md.Get(name); len(values) > 0 {
				t.Errorf("the service was told %s: %q", name, values)
			}
		}
	})
}

// Large bodies that do not come can't keep others of the gateway's memory, or out of it.
func TestDoor_LargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		send := func(ctx context.Context, body io.Reader) (int, error) {
			request := s.request(http.MethodPost, batchRecord, body).WithContext(ctx)
			request.ContentLength = smallBody + 1
			response, err := s.client.Do(request)
			if err != nil {
				return 0, err
			}
			return response.StatusCode, response.Body.Close()
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var held []*io.PipeWriter
		for range mostBodies {
			body, writer := io.Pipe()
			held = append(held, writer)
			go func() { _, _ = send(ctx, body) }() // it ends with the test
		}
		synctest.Wait()
		if status, err := send(ctx, strings.NewReader(strings.Repeat(" ", smallBody+1))); err != nil || status != http.StatusTooManyRequests {
			t.Errorf("one more: %d, %v", status, err)
		}
		if got := s.send(http.MethodPost, onePlan+":submit", ""); got.status != http.StatusOK {
			t.Errorf("a small one: %d", got.status)
		}
		for _, writer := range held {
			writer.CloseWithError(io.ErrUnexpectedEOF)
		}
	})
}
