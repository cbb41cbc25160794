package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// An authority issues the certificates of the servers of this process.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	inPEM       []byte
}

// theAuthority is made when it is first needed.
var theAuthority = sync.OnceValues(func() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := valid(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redistest"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, key: key, inPEM: inPEM("CERTIFICATE", der)}, nil
})

// WriteAuthority writes the certificate of the authority that issues those of the servers, for SSL_CERT_FILE.
func WriteAuthority(path string) error {
	a, err := theAuthority()
	if err != nil {
		return err
	}
	return os.WriteFile(path, a.inPEM, 0o600)
}

// trusted are the authorities that our own clients trust.
func trusted() (*x509.CertPool, error) {
	a, err := theAuthority()
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool, nil
}

// newCertificate makes a certificate for loopback in a folder, and returns the lines of configuration that use it.
func newCertificate(folder string) ([]string, error) {
	a, err := theAuthority()
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := valid(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "redis"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	lines := []string{"tls-auth-clients no", "tls-replication yes", "tls-cluster yes"}
	for directive, data := range map[string][]byte{
		"tls-cert-file":    inPEM("CERTIFICATE", der),
		"tls-key-file":     inPEM("PRIVATE KEY", secret),
		"tls-ca-cert-file": a.inPEM,
	} {
		path := filepath.Join(folder, directive)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return nil, err
		}
		lines = append(lines, directive+" "+quote(path))
	}
	return lines, nil
}

// valid makes a certificate valid for longer than any test takes, whatever the time is.
func valid(c *x509.Certificate) *x509.Certificate {
	c.NotBefore = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	c.NotAfter = time.Date(2120, time.January, 1, 0, 0, 0, 0, time.UTC)
	return c
}

func inPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
