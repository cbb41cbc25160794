package rpc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/incentives-dev/incentives/internal/clock"
)

// reloadEvery is how often it is looked whether the files of certificates have changed, at the most.
const reloadEvery = 2 * time.Second

// A material is what connections are made with.
type material struct {
	certificates []tls.Certificate // none where there is no file
	authorities  *x509.CertPool    // the machine's where it is nil
}

// pair reads the certificate and its key. No error tells what is in the files.
func (t TLS) pair() ([]tls.Certificate, error) {
	if t.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(t.TLSCert, t.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	return []tls.Certificate{pair}, nil
}

// authorities reads whom others' certificates have to be signed by.
func (t TLS) authorities() (*x509.CertPool, error) {
	if t.TLSCA == "" {
		return nil, nil //nolint:nilnil // the machine's, as a nil stands for
	}
	pem, err := os.ReadFile(t.TLSCA)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--tls-ca: %s holds no certificate", t.TLSCA)
	}
	return authorities, nil
}

// Files are the certificates of TLS, read again when they change. What can't be read leaves in use what was before, and is in the
// log once.
//
// gRPC has a reader of such files (certprovider/pemfile), which logs a certificate that does not fit its key together with the key.
type files struct {
	settings TLS
	log      *slog.Logger
	now      clock.Clock

	mu      sync.Mutex
	current material
	looked  time.Time // when it was last looked whether the files have changed
	// Their states when they were last read.
	pair, authorities string
}

func (t TLS) files(log *slog.Logger) (*files, error) {
	f := &files{settings: t, log: log, now: clock.Real(), pair: stamp(t.TLSCert, t.TLSKey), authorities: stamp(t.TLSCA)}
	f.looked = f.now()
	var unpaired, unknown error
	f.current.certificates, unpaired = t.pair()
	f.current.authorities, unknown = t.authorities()
	return f, errors.Join(unpaired, unknown)
}

// stamp changes when a file does.
func stamp(names ...string) string {
	var all []string
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			all = append(all, fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size()))
		}
	}
	return strings.Join(all, ";")
}

// get returns the material of now.
func (f *files) get() material {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if now.Sub(f.looked) < reloadEvery {
		return f.current
	}
	f.looked = now
	if is := stamp(f.settings.TLSCert, f.settings.TLSKey); is != f.pair {
		f.pair = is
		if pair, err := f.settings.pair(); f.isUsable("certificate", err) {
			f.current.certificates = pair
		}
	}
	if is := stamp(f.settings.TLSCA); is != f.authorities {
		f.authorities = is
		if authorities, err := f.settings.authorities(); f.isUsable("authorities", err) {
			f.current.authorities = authorities
		}
	}
	return f.current
}

// isUsable tells the log about something new.
func (f *files) isUsable(what string, err error) bool {
	if err != nil {
		f.log.Error("a new file can't be used: what was before stays in use", "tls", what, "error", err)
		return false
	}
	f.log.Info("a new file is in use", "tls", what)
	return true
}
