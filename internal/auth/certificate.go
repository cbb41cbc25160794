package auth

import (
	"context"
	"crypto/x509"
	"slices"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
)

// certificateOf returns the certificate by which the other side of a call's connection is known, nil where there is none.
func certificateOf(ctx context.Context) *x509.Certificate {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0][0]
}

// namesOf returns a certificate's subject alternative names.
func namesOf(certificate *x509.Certificate) []string {
	names := slices.Clone(certificate.DNSNames)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	return names
}

// holder returns the principal that a certificate stands for: by the first of its names that has roles. Where none has, nobody.
func holder(certificate *x509.Certificate, roles map[string][]authv1.Role) (who Principal, ok bool) {
	for _, name := range namesOf(certificate) {
		if given := roles[name]; len(given) > 0 {
			return Principal{ID: name, Roles: given, Certificate: true}, true
		}
	}
	return Principal{}, false
}
