package auth

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// Why a token is refused, for the log alone: an operator tells an attack from a session that ran out or a service that is set up wrongly by
// it, and a caller would learn what to try next.
const (
	tokenMalformed        = "TOKEN_MALFORMED"
	tokenUnsigned         = "TOKEN_UNSIGNED"
	tokenOfOtherAlgorithm = "TOKEN_OF_OTHER_ALGORITHM" // such as one by a shared secret
	tokenOfUnknownKey     = "TOKEN_OF_UNKNOWN_KEY"     // in the issuer's name: one that it has given up, or somebody else's
	tokenForged           = "TOKEN_FORGED"             // it names a key of the issuer's, and is not signed by it
	tokenOfOtherIssuer    = "TOKEN_OF_OTHER_ISSUER"
	tokenOfOtherAudience  = "TOKEN_OF_OTHER_AUDIENCE"
	tokenExpired          = "TOKEN_EXPIRED"
	tokenNotYetValid      = "TOKEN_NOT_YET_VALID"
	tokenWithoutSubject   = "TOKEN_WITHOUT_SUBJECT"
)

// causeOf says in a word why a token was refused with an error. It looks at the token again, since the verifier's errors have no kinds.
func (i *issuer) causeOf(token string, algorithms []jose.SignatureAlgorithm, progress *verification, err error) string {
	signed, unread := jose.ParseSignedCompact(token, algorithms)
	if other, ok := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](unread); ok {
		if strings.EqualFold(string(other.Got), "none") {
			return tokenUnsigned
		}
		return tokenOfOtherAlgorithm
	}
	if unread != nil {
		return tokenMalformed
	}
	var claims struct {
		Issuer    string      `json:"iss"`
		Audience  any         `json:"aud"`
		NotBefore json.Number `json:"nbf"`
	}
	unread = json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &claims) // the token is refused, whatever it says
	expired, _ := errors.AsType[*oidc.TokenExpiredError](err)
	switch {
	case progress.forged && len(signed.Signatures[0].Signature) == 0:
		return tokenUnsigned
	case progress.forged:
		return tokenForged
	case expired != nil:
		return tokenExpired
	case unread != nil:
		return tokenMalformed
	case claims.Issuer != i.url:
		return tokenOfOtherIssuer
	case progress.unknownKey:
		return tokenOfUnknownKey
	case !slices.Contains(words(claims.Audience), i.audience):
		return tokenOfOtherAudience
	case !i.hasBegun(claims.NotBefore):
		return tokenNotYetValid
	}
	return tokenMalformed
}
