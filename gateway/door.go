package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/limit"
)

// How long a client may keep the gateway waiting, each from the time on that it is its turn.
const (
	bodyPatience   = 30 * time.Second // for a body that is one message
	linePatience   = 15 * time.Minute // for the next line of a body that streams
	answerPatience = time.Minute      // to read an answer, or a line of one that streams
	// callPatience is for an answer that the service takes its time for, to be worked out and read.
	callPatience = 2*time.Minute + answerPatience
)

// A door is what every request comes in by: it says what browsers may do with an answer, and keeps out requests that another site
// has had a browser send.
type door struct {
	failures
	bodies   limit.Places // that are large, by address
	cors     *cors.Cors
	crossing *http.CrossOriginProtection
	inside   http.Handler
}

// newDoor lets pages of the given origins in, such as https://partners.example.com, and no others; an error names one that is none.
func newDoor(f failures, origins []string, inside http.Handler) (*door, error) {
	d := &door{failures: f, crossing: http.NewCrossOriginProtection(), inside: inside}
	for _, origin := range origins {
		if err := d.crossing.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	d.cors = cors.New(cors.Options{
		AllowOriginFunc: func(origin string) bool {
			return slices.Contains(origins, origin) // not the option for a list, of which an empty one allows all
		},
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type"},
		ExposedHeaders: []string{"Retry-After"},
		MaxAge:         600,
	})
	return d, nil
}

const (
	// smallBody is what a body takes without being counted, in bytes.
	smallBody = 64 << 10
	// mostBodies is how many calls with larger ones, or of unknown size as streams are, one address has in flight at once.
	mostBodies = 32
)

type sourceKey struct{}

// ServeHTTP answers one request, or keeps it out.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	source := auth.AddressOf(r.RemoteAddr)
	r = r.WithContext(context.WithValue(r.Context(), sourceKey{}, source))
	secure(w.Header(), r)
	r.Header.Del("X-Forwarded-Host") // the services are told the host that was asked for, and not what a client says of it
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(in(callPatience)) // as each of these, it fails only in tests, where there is no connection
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(in(bodyPatience))
	}
	if err := d.admit(r); err != nil {
		if r.Method != http.MethodOptions {
			d.cors.HandlerFunc(w, r) // a page that may ask may read what is wrong, too
		}
		d.write(r.Context(), w, err)
		return
	}
	if r.ContentLength < 0 || r.ContentLength > smallBody {
		leave, ok := d.bodies.Take(source, mostBodies)
		if !ok {
			refusal := fault.New(fault.Limit, "TOO_MANY_BODIES", "%d calls of this address with large bodies are in flight, and no more are taken", mostBodies)
			refusal.RetryAfter = time.Second
			d.write(r.Context(), w, refusal)
			return
		}
		defer leave()
	}
	d.cors.Handler(d.inside).ServeHTTP(w, r)
}

// secure has a browser do nothing with an answer but hand it to a page that may have it.
func secure(header http.Header, r *http.Request) {
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	if r.TLS != nil {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// admit refuses what no client of the API sends.
func (d *door) admit(r *http.Request) error {
	origin := r.Header.Get("Origin")
	preflight := r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != ""
	if preflight && !d.cors.OriginAllowed(r) || d.crossing.Check(r) != nil {
		return fault.New(fault.Denied, "ORIGIN_NOT_ALLOWED", "pages of this origin may not use the API: it is not one of --allow-origin")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return fault.New(fault.Invalid, "ENCODING_UNSUPPORTED", "the body is taken as it is, without a Content-Encoding")
	}
	if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/grpc") {
		return fault.New(fault.Invalid, "CONTENT_TYPE_UNSUPPORTED", "this is JSON over HTTP; gRPC has addresses of its own")
	}
	return nil
}
