package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/auth"
)

// A Caller are the settings of how a command calls services: as whom, and how connections are made.
type Caller struct {
	TokenFile string `name:"token-file" placeholder:"FILE" help:"File with the bearer token to call with; read for each call, so it may be renewed."`
	TLSCert   string `name:"tls-cert" placeholder:"FILE" help:"Certificate (PEM) to call with."`
	TLSKey    string `name:"tls-key" placeholder:"FILE" help:"Key of the certificate (PEM)."`
	TLSCA     string `name:"tls-ca" placeholder:"FILE" help:"Certificates (PEM) that those of services are signed by."`
}

// DialOptions are those to reach a service at an address with. Their error is one line.
func (c Caller) DialOptions(address string) ([]grpc.DialOption, error) {
	t := TLS{TLSCert: c.TLSCert, TLSKey: c.TLSKey, TLSCA: c.TLSCA, AllowPlaintext: true}
	if err := t.Check(address); err != nil {
		return nil, err
	}
	connect, err := t.DialOption(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{connect}
	if c.TokenFile == "" {
		return options, nil
	}
	secure := c.TLSCert != "" || c.TLSCA != ""
	if !secure && !auth.OnLoopback(address) {
		return nil, fmt.Errorf("%s is not on loopback: a token is not sent there in plain text, so --tls-ca is needed", address)
	}
	return append(options, grpc.WithPerRPCCredentials(fileToken{file: c.TokenFile, secure: secure})), nil
}

// A fileToken is a bearer token in a file.
type fileToken struct {
	file   string
	secure bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials. Its errors are statuses, since gRPC puts words of its own before others.
func (t fileToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	text, err := os.ReadFile(t.file)
	if err != nil {
		return nil, status.Errorf(codes.Unauthenticated, "--token-file: %v", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \n\r\t") {
		return nil, status.Errorf(codes.Unauthenticated, "--token-file: %s holds no token", t.file)
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (t fileToken) RequireTransportSecurity() bool { return t.secure }
