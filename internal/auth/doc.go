// Package auth says who makes a call and whether they may: docs/rules.md §5. The policy
// is in the protos, as an option of each method; this package reads it there,
// and holds every call of a service to it.
//
// A caller is known by a bearer token of an OpenID Connect issuer, or by a
// certificate; a token, where there is one, decides alone. A service that knows
// neither has one local principal, and listens on loopback only.
package auth
