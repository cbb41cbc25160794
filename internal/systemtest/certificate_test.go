package systemtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key := newKey(t)
	template := lasting(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate: certificate, key: key, pem: inPEM("CERTIFICATE", der)}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// lasting makes a certificate valid for longer than any test takes, and gives it a number.
func lasting(t *testing.T, c *x509.Certificate) *x509.Certificate {
	t.Helper()
	var err error
	if c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<60)); err != nil {
		t.Fatal(err)
	}
	c.NotBefore, c.NotAfter = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC), time.Date(2120, time.January, 1, 0, 0, 0, 0, time.UTC)
	return c
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// A leaf is a certificate and its key, in PEM.
type leaf struct{ certificate, key string }

// issue makes a certificate for names: of machines, IP addresses or URIs.
func (a *authority) issue(t *testing.T, names ...string) leaf {
	t.Helper()
	return a.make(t, &x509.Certificate{}, names...)
}

// make is issue with more to say.
func (a *authority) make(t *testing.T, template *x509.Certificate, names ...string) leaf {
	t.Helper()
	until := template.NotAfter
	lasting(t, template)
	if !until.IsZero() {
		template.NotAfter = until
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if uri, err := url.Parse(name); err == nil && strings.Contains(name, "://") {
			template.URIs = append(template.URIs, uri)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return leaf{certificate: inPEM("CERTIFICATE", der), key: inPEM("PRIVATE KEY", secret)}
}

// A keyring is a folder with the files that flags name.
type keyring string

func (k keyring) path(name string) string { return filepath.Join(string(k), name) }

// put writes a file in one go: readers see the old one or the new one.
func (k keyring) put(t *testing.T, name, text string) (path string) {
	t.Helper()
	write(t, string(k), name+".new", text)
	if err := os.Rename(k.path(name+".new"), k.path(name)); err != nil {
		t.Fatal(err)
	}
	return k.path(name)
}

// putLeaf writes a certificate and its key, and returns the flags to use them with.
func (k keyring) putLeaf(t *testing.T, name string, l leaf) (flags []string) {
	t.Helper()
	return []string{"--tls-cert", k.put(t, name+".pem", l.certificate), "--tls-key", k.put(t, name+".key", l.key)}
}

// pool are authorities to trust.
func pool(all ...*authority) *x509.CertPool {
	p := x509.NewCertPool()
	for _, a := range all {
		p.AddCert(a.certificate)
	}
	return p
}

// with is how a client connects that trusts an authority, and shows a certificate if it has one.
func (a *authority) with(t *testing.T, shown ...leaf) *tls.Config {
	t.Helper()
	config := &tls.Config{RootCAs: pool(a)}
	for _, l := range shown {
		pair, err := tls.X509KeyPair([]byte(l.certificate), []byte(l.key))
		if err != nil {
			t.Fatal(err)
		}
		// Shown also where the server names other authorities: it is for the server to refuse it.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return config
}
