package webidentity

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// MaxToken bounds the length of a token. Source: STS, "WebIdentityToken".
const MaxToken = 20_000

// A Token is what a token says that has been verified.
type Token struct {
	Issuer   string // URL
	Subject  string
	Audience []string
	Expires  time.Time
	// Claims are those that are texts, lists of texts, or true and false; with iss, sub and aud.
	Claims map[string][]string
}

// A Kind is why a token is refused.
type Kind int

const (
	Malformed Kind = iota + 1 // it is no token, or not a signed one, or says what no token may
	Foreign                   // its issuer isn't known
	Forged                    // its signature isn't of a key of its issuer
	Expired
	NotYet      // it isn't valid yet
	Unavailable // the issuer's keys could not be fetched
)

// An Error says why a token is refused, in words that may be shown to its bearer. The cause is for the log.
type Error struct {
	Kind  Kind
	Why   string
	cause error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Why + ": " + e.cause.Error()
	}
	return e.Why
}

func (e *Error) Unwrap() error { return e.cause }

func refuse(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{kind, fmt.Sprintf(format, args...), cause}
}

// Verify checks a token against the keys of the issuer that it names. The error is an *Error.
func (s *Issuers) Verify(ctx context.Context, token string) (*Token, error) {
	if len(token) > MaxToken {
		return nil, refuse(Malformed, nil, "the token has more than %d characters", MaxToken)
	}
	signed, err := jose.ParseSignedCompact(token, s.algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, refuse(Malformed, err, "the token is not a JSON Web Token with a signature of an allowed algorithm")
	}
	// What it says of its issuer isn't trusted: it chooses whose keys decide.
	named, err := readClaims(signed.UnsafePayloadWithoutVerification())
	if err != nil {
		return nil, refuse(Malformed, err, "the token's claims can't be read")
	}
	issuer := s.byURL[named.Issuer]
	if issuer == nil {
		return nil, refuse(Foreign, nil, "no OpenID Connect provider found for %s", shown(named.Issuer))
	}
	header := &signed.Signatures[0].Protected
	if !slices.Contains(issuer.o.Algorithms, header.Algorithm) {
		return nil, refuse(Malformed, nil, "the token is signed with %s, which its issuer may not", header.Algorithm)
	}
	if header.KeyID == "" {
		return nil, refuse(Malformed, nil, "the token's header names no key (kid)")
	}
	keys, err := issuer.keys.find(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, refuse(Unavailable, err, "the keys of %s could not be fetched", issuer.o.URL)
	}
	for _, key := range keys {
		payload, err := signed.Verify(key)
		if err != nil {
			continue
		}
		// The bytes that the signature is of are the ones that are read.
		claims, err := readClaims(payload)
		if err != nil || claims.Issuer != issuer.o.URL {
			return nil, refuse(Malformed, err, "the token's claims can't be read")
		}
		return issuer.check(claims)
	}
	return nil, refuse(Forged, nil, "the token's signature is not of a key of %s", issuer.o.URL)
}

// longestShown bounds how much of a text of a token is repeated.
const longestShown = 200

func shown(text string) string { return strconv.Quote(text[:min(len(text), longestShown)]) }

// claims are a token's payload.
type claims struct {
	Issuer, Subject            string
	Audience                   []string
	expires, issued, notBefore time.Time
	texts                      map[string][]string // by name
}

// readClaims reads a payload. go-jose's JSON refuses names that are given twice.
func readClaims(payload []byte) (*claims, error) {
	var all map[string]any
	if err := json.Unmarshal(payload, &all); err != nil {
		return nil, fmt.Errorf("read the claims: %w", err)
	}
	c := &claims{texts: make(map[string][]string)}
	for name, value := range all {
		switch v := value.(type) {
		case string:
			c.texts[name] = []string{v}
		case bool:
			c.texts[name] = []string{strconv.FormatBool(v)}
		case []any:
			if list, ok := texts(v); ok {
				c.texts[name] = list
			}
		}
	}
	var ok [3]bool
	c.Issuer, ok[0] = all["iss"].(string)
	c.Subject, ok[1] = all["sub"].(string)
	c.Audience, ok[2] = c.texts["aud"], len(c.texts["aud"]) > 0
	for i, name := range []string{"iss", "sub", "aud"} {
		if !ok[i] || c.texts[name][0] == "" {
			return nil, fmt.Errorf("the claim %s is missing, or isn't of its type", name)
		}
	}
	for name, at := range map[string]*time.Time{"exp": &c.expires, "iat": &c.issued, "nbf": &c.notBefore} {
		value, given := all[name]
		if !given && name == "nbf" {
			continue
		}
		seconds, isNumber := value.(float64)
		if !isNumber || !(math.Abs(seconds) < 1<<40) {
			return nil, fmt.Errorf("the claim %s is missing, or is no time", name)
		}
		*at = time.UnixMilli(int64(seconds * 1000))
	}
	return c, nil
}

// texts are the elements of a list in which all are texts.
func texts(list []any) ([]string, bool) {
	all := make([]string, 0, len(list))
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, false
		}
		all = append(all, text)
	}
	return all, true
}

// check checks the times of claims that the issuer has signed.
func (i *Issuer) check(c *claims) (*Token, error) {
	now, skew := i.now(), i.o.Skew
	switch {
	case !now.Before(c.expires.Add(skew)):
		return nil, refuse(Expired, nil, "Token expired: current date/time %d must be before the expiration date/time %d",
			now.Unix(), c.expires.Unix())
	case now.Add(skew).Before(c.notBefore), now.Add(skew).Before(c.issued):
		return nil, refuse(NotYet, nil, "the token is not valid yet")
	case now.Sub(c.issued) > i.o.MaxAge+skew:
		return nil, refuse(Expired, nil, "the token was issued more than %v ago", i.o.MaxAge)
	}
	return &Token{
		Issuer: i.o.URL, Subject: c.Subject, Audience: c.Audience, Expires: c.expires, Claims: c.texts,
	}, nil
}
