// Package webidentity verifies the tokens with which workloads prove who they are: JSON Web Tokens of issuers that the
// configuration names, such as a Kubernetes cluster's for its service accounts, or a CI service's.
//
//	token ─▶ algorithm allowed ─▶ issuer known ─▶ its key, by kid ─▶ signature ─▶ claims, times ─▶ Token
//
// The keys are fetched from the issuer, cached, and fetched again when a token names one that isn't known, at most
// every few seconds. While the issuer is away its keys go on for Options.Keep. Audience and subject are the caller's
// business: which of an issuer's tokens may do what is for a role's trust to say.
//
// Promises, each with the test that fails when it is broken:
//   - Nothing but an RS256, ES256 or EdDSA signature of the named issuer's own key is accepted: no algorithm none, no
//     HMAC, no key in the token, none of another issuer (TestForgedTokensAreRefused).
//   - A token is good between its times only, give or take Options.Skew, and never longer than Options.MaxAge after it
//     was issued (TestTimes).
//   - What is read is bounded, and what could be read in two ways is refused: duplicate claims, in particular
//     (TestForgedTokensAreRefused).
//   - Forged key ids cost the issuer one request each RefetchEvery (TestUnknownKeysAreAskedForRarely); an outage of the
//     issuer refuses nobody whose key is known, for Options.Keep (TestTheIssuerIsAway); a key that the issuer withdraws
//     is refused once the keys have been fetched again (TestKeysAreReplaced).
//
// What is not protected: a token is a bearer's, and may be used again until it expires. Who takes an issuer over, or
// its TLS certificate's authority, issues what they like, within the trust of the roles.
//
// Sources: RFC 7515, 7517, 7519, 8725; OpenID Connect Discovery 1.0. Signatures are checked by go-jose.
package webidentity
