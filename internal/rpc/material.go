package rpc

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
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

// read reads the files. No error tells what is in them.
func (t TLS) read() (m material, err error) {
	if t.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(t.TLSCert, t.TLSKey)
		if err != nil {
			return m, fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		m.certificates = []tls.Certificate{pair}
	}
	if t.TLSCA != "" {
		pem, err := os.ReadFile(t.TLSCA)
		if err != nil {
			return m, fmt.Errorf("--tls-ca: %w", err)
		}
		m.authorities = x509.NewCertPool()
		if !m.authorities.AppendCertsFromPEM(pem) {
			return m, fmt.Errorf("--tls-ca: %s holds no certificate", t.TLSCA)
		}
	}
	return m, nil
}

// Files are the certificates of TLS, read again when they change. Those that can't be read leave the ones before in use, and are in
// the log once.
//
// gRPC has a reader of such files (certprovider/pemfile), which logs a certificate that does not fit its key together with the key.
type files struct {
	settings TLS
	log      *slog.Logger
	now      clock.Clock

	mu      sync.Mutex
	current material
	state   string    // of the files, when they were last read
	looked  time.Time // when the state was last looked at
}

func (t TLS) files(log *slog.Logger) (*files, error) {
	f := &files{settings: t, log: log, now: clock.Real(), state: t.state()}
	f.looked = f.now()
	var err error
	f.current, err = t.read()
	return f, err
}

// state changes when a file does.
func (t TLS) state() string {
	var all string
	for _, name := range []string{t.TLSCert, t.TLSKey, t.TLSCA} {
		if info, err := os.Stat(name); name != "" && err == nil {
			all += fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size(), ";")
		} else {
			all += ";"
		}
	}
	return all
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
	state := f.settings.state()
	if state == f.state {
		return f.current
	}
	f.state = state
	read, err := f.settings.read()
	if err != nil {
		f.log.Error("the new certificates can't be used: those before stay in use", "error", err)
		return f.current
	}
	f.current = read
	f.log.Info("new certificates are in use", "cert", f.settings.TLSCert, "ca", f.settings.TLSCA)
	return f.current
}
