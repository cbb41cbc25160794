package auth

import (
	"strings"
	"testing"
)

// The issuer is named when a service starts, and in its log when it is out. A password in its URL would be, too.
func TestIssuerHasNoPassword(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://login.example.com":                 "",
		"https://user:geheim@login.example.com":     `that of "login.example.com" has`,
		"http://user:geheim@login.example.com":      `that of "login.example.com" has`,
		"https://user@login.example.com":            `that of "login.example.com" has`,
		"user:geheim@login.example.com":             "is not the URL of an issuer",
		"https://user:geheim/%@login.example.com:x": "is not the URL of an issuer",
		"http://login.example.com":                  "has to begin with https",
	} {
		err := Settings{Tokens: Tokens{OIDCIssuer: issuer, OIDCAudience: "incentives"}}.Check("127.0.0.1:9001")
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", issuer, err, want)
		case err != nil && strings.Contains(err.Error(), "geheim"):
			t.Errorf("%s: the password is in %q", issuer, err)
		}
	}
}

func TestOnLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:9001": true, "[::1]:9001": true, "localhost:9001": true, "LOCALHOST:9001": true, "localhost.:9001": true,
		"app.localhost:9001": false, // which a resolver may look up anywhere
		"localhost..:9001":   false, "localhost.example:9001": false, "0.0.0.0:9001": false, ":9001": false, "localhost": false,
	} {
		if got := OnLoopback(address); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}
