package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/credentials/tls/certprovider"
	"google.golang.org/grpc/credentials/tls/certprovider/pemfile"

	"github.com/incentives-dev/incentives/internal/auth"
)

// reloadEvery is how often certificates are looked for that have taken the place of those in use.
const reloadEvery = 2 * time.Second

// TLS are the settings of how a service is reached, and reaches others. Files are read again when they change; a new one that
// can't be read leaves the old one in use.
type TLS struct {
	TLSCert        string `name:"tls-cert" placeholder:"FILE" help:"Certificate (PEM) to serve with, and to call other services with."`
	TLSKey         string `name:"tls-key" placeholder:"FILE" help:"Key of the certificate (PEM), in the same folder."`
	TLSCA          string `name:"tls-ca" placeholder:"FILE" help:"Certificates (PEM) that callers' and other services' are signed by."`
	AllowPlaintext bool   `name:"allow-plaintext" help:"Serve without TLS off loopback, where something in front provides it."`
}

// Check returns what is wrong with the settings for a service that listens on an address, in one line.
func (t TLS) Check(address string) error {
	switch {
	case (t.TLSCert == "") != (t.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key need each other")
	case t.TLSCert == "" && auth.Exposed(address) && !t.AllowPlaintext:
		return fmt.Errorf("%s is not on loopback, and needs --tls-cert (or --allow-plaintext, where something in front provides TLS)", address)
	}
	if t.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(t.TLSCert, t.TLSKey); err != nil {
			return fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
	}
	if t.TLSCA != "" {
		pem, err := os.ReadFile(t.TLSCA)
		if err != nil {
			return fmt.Errorf("--tls-ca: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return fmt.Errorf("--tls-ca: %s holds no certificate", t.TLSCA)
		}
	}
	return nil
}

// provider reads the files, and reads them again.
func (t TLS) provider() (certprovider.Provider, error) {
	return pemfile.NewProvider(pemfile.Options{CertFile: t.TLSCert, KeyFile: t.TLSKey, RootFile: t.TLSCA, RefreshDuration: reloadEvery})
}

// Server is the configuration of a server, nil for one without TLS. A caller's certificate is verified if it has one.
func (t TLS) Server() (*tls.Config, error) {
	if t.TLSCert == "" {
		return nil, nil
	}
	files, err := t.provider()
	if err != nil {
		return nil, err
	}
	base := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		material, err := files.KeyMaterial(hello.Context())
		if err != nil {
			return nil, err
		}
		config := base.Clone()
		config.GetConfigForClient, config.Certificates = nil, material.Certs
		if material.Roots != nil {
			config.ClientCAs, config.ClientAuth = material.Roots, tls.VerifyClientCertIfGiven
		}
		return config, nil
	}
	return base, nil
}

// Wrap has a listener of HTTP speak TLS, if the settings say so.
func (t TLS) Wrap(listener net.Listener) (net.Listener, error) {
	config, err := t.Server()
	if err != nil || config == nil {
		return listener, err
	}
	config.NextProtos = []string{"http/1.1"}
	return tls.NewListener(listener, config), nil
}

// Client are the credentials to reach others with. Without a certificate and a CA, that is in plain text.
func (t TLS) Client() (credentials.TransportCredentials, error) {
	if t.TLSCert == "" && t.TLSCA == "" {
		return insecure.NewCredentials(), nil
	}
	files, err := t.provider()
	if err != nil {
		return nil, err
	}
	return &reloading{files: files, TransportCredentials: credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})}, nil
}

// DialOption is Client as an option of Dial.
func (t TLS) DialOption() (grpc.DialOption, error) {
	c, err := t.Client()
	return grpc.WithTransportCredentials(c), err
}

// Reloading are client credentials that are read anew for every connection.
type reloading struct {
	credentials.TransportCredentials

	files certprovider.Provider
}

func (r *reloading) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	material, err := r.files.KeyMaterial(ctx)
	if err != nil {
		return nil, nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: material.Roots, Certificates: material.Certs}
	return credentials.NewTLS(config).ClientHandshake(ctx, authority, conn)
}

func (r *reloading) Clone() credentials.TransportCredentials {
	return &reloading{files: r.files, TransportCredentials: r.TransportCredentials.Clone()}
}
