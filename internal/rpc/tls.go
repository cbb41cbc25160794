package rpc

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/incentives-dev/incentives/internal/auth"
)

// TLS are the settings of how a service is reached, and reaches others. Files are read again when they change; a new one that
// can't be read leaves the old one in use.
type TLS struct {
	TLSCert        string `name:"tls-cert" placeholder:"FILE" help:"Certificate (PEM) to serve with, and to call other services with."`
	TLSKey         string `name:"tls-key" placeholder:"FILE" help:"Key of the certificate (PEM)."`
	TLSCA          string `name:"tls-ca" placeholder:"FILE" help:"Certificates (PEM) that callers' and other services' are signed by."`
	AllowPlaintext bool   `name:"allow-plaintext" help:"Go without TLS off loopback, where something else provides it."`
}

// Check returns what is wrong with the settings for a service that listens on an address, in one line.
func (t TLS) Check(address string) error {
	switch {
	case (t.TLSCert == "") != (t.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key need each other")
	case t.TLSCert == "" && auth.Exposed(address) && !t.AllowPlaintext:
		return fmt.Errorf("%s is not on loopback, and needs --tls-cert (or --allow-plaintext, where something in front provides TLS)", address)
	}
	_, unpaired := t.pair()
	_, unknown := t.authorities()
	return cmp.Or(unpaired, unknown)
}

// CheckTarget returns what is wrong with calling another service at an address, in one line: tokens do not leave the machine in plain text.
func (t TLS) CheckTarget(service, address string) error {
	if t.TLSCert == "" && t.TLSCA == "" && !auth.OnLoopback(address) && !t.AllowPlaintext {
		return fmt.Errorf("%s at %q is not on loopback, and needs --tls-ca (or --allow-plaintext, where something between provides TLS)", service, address)
	}
	return nil
}

// CheckAccess returns what is wrong with the settings of a service that listens on an address, in one line: each, or together.
func CheckAccess(address string, t TLS, access auth.Settings) error {
	if err := cmp.Or(access.Check(address), t.Check(address)); err != nil {
		return err
	}
	if len(access.ClientRoles) > 0 && (t.TLSCert == "" || t.TLSCA == "") {
		return errors.New("--client-roles needs --tls-cert and --tls-ca: callers' certificates come with TLS, and are signed by somebody")
	}
	return nil
}

// Server is the configuration of a server, nil for one without TLS. A caller's certificate is verified if it has one.
func (t TLS) Server(log *slog.Logger) (*tls.Config, error) {
	if t.TLSCert == "" {
		return nil, nil
	}
	files, err := t.files(log)
	if err != nil {
		return nil, err
	}
	base := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := files.get()
		config := base.Clone()
		config.GetConfigForClient, config.Certificates = nil, now.certificates
		if now.authorities != nil {
			config.ClientCAs, config.ClientAuth = now.authorities, tls.VerifyClientCertIfGiven
		}
		return config, nil
	}
	return base, nil
}

// Wrap has a listener of HTTP speak TLS, if the settings say so.
func (t TLS) Wrap(listener net.Listener, log *slog.Logger) (net.Listener, error) {
	config, err := t.Server(log)
	if err != nil || config == nil {
		return listener, err
	}
	config.NextProtos = []string{"http/1.1"}
	return tls.NewListener(listener, config), nil
}

// Client are the credentials to reach others with. Without a certificate and a CA, that is in plain text.
func (t TLS) Client(log *slog.Logger) (credentials.TransportCredentials, error) {
	if t.TLSCert == "" && t.TLSCA == "" {
		return insecure.NewCredentials(), nil
	}
	files, err := t.files(log)
	if err != nil {
		return nil, err
	}
	return &reloading{files: files, TransportCredentials: credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})}, nil
}

// DialOption is Client as an option of Dial.
func (t TLS) DialOption(log *slog.Logger) (grpc.DialOption, error) {
	c, err := t.Client(log)
	return grpc.WithTransportCredentials(c), err
}

// Reloading are client credentials that are read anew for every connection.
type reloading struct {
	credentials.TransportCredentials

	files *files
}

func (r *reloading) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	now := r.files.get()
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: now.authorities, Certificates: now.certificates}
	return credentials.NewTLS(config).ClientHandshake(ctx, authority, conn)
}

func (r *reloading) Clone() credentials.TransportCredentials {
	return &reloading{files: r.files, TransportCredentials: r.TransportCredentials.Clone()}
}
