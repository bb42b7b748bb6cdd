package session_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"sealfront/proxy/session"
)

type keys map[[16]byte][]byte

var firstID = [16]byte{1}

func (k keys) Current(context.Context) ([16]byte, []byte, error) { return firstID, k[firstID], nil }
func (k keys) Find(_ context.Context, id [16]byte) ([]byte, bool, error) {
	key, ok := k[id]
	return key, ok, nil
}

func newKeys() keys {
	return keys{firstID: []byte("0123456789abcdef0123456789abcdef"), {2}: []byte("fedcba9876543210fedcba9876543210")}
}

var now = time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)

func TestIssuedTokenOpensToTheSameSession(t *testing.T) {
	for name, s := range map[string]session.Session{
		"SSE-S3": {Principal: "app", Bucket: "b--z--x-s3", Incarnation: "i"},
		"SSE-KMS": {
			Principal: "app", Bucket: "b--z--x-s3", Incarnation: "i", KMS: true,
			KeyARN: "arn:aws:kms:r:1:key/k",
		},
		"read only":   {Principal: "app", Bucket: "b--z--x-s3", Incarnation: "i", ReadOnly: true},
		"provisional": {Principal: "app", Bucket: "b--z--x-s3"},
	} {
		t.Run(name, func(t *testing.T) {
			issued, err := session.Issue(t.Context(), newKeys(), s, now)
			if err != nil {
				t.Fatal(err)
			}
			got, cred, err := session.Open(t.Context(), newKeys(), issued.Token, now.Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			s.Expires = now.Truncate(time.Second).Add(session.Lifetime)
			if got != s {
				t.Errorf("opened %+v, issued %+v", got, s)
			}
			if cred != issued {
				t.Errorf("opened credentials %+v, issued %+v", cred, issued)
			}
			if len(issued.Token) > 1024 {
				t.Errorf("token of %d bytes: SDKs send it with every request", len(issued.Token))
			}
		})
	}
}

func TestS11TokensAndSecretsDiffer(t *testing.T) {
	s := session.Session{Principal: "app", Bucket: "b"}
	a, err := session.Issue(t.Context(), newKeys(), s, now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := session.Issue(t.Context(), newKeys(), s, now)
	if err != nil {
		t.Fatal(err)
	}
	if a.Token == b.Token || a.SecretAccessKey == b.SecretAccessKey || a.AccessKeyID == b.AccessKeyID {
		t.Error("two sessions share a token, secret or id")
	}
}

// One of 64 derived secrets begins with a hyphen, which programs read as an option; none of them is issued.
func TestSecretIsAnArgument(t *testing.T) {
	for range 2048 {
		issued, err := session.Issue(t.Context(), newKeys(), session.Session{Principal: "app", Bucket: "b"}, now)
		if err != nil {
			t.Fatal(err)
		}
		if issued.SecretAccessKey[0] == '-' || issued.Token[0] == '-' {
			t.Fatalf("begins with a hyphen: secret %q, token %q", issued.SecretAccessKey, issued.Token)
		}
		_, opened, err := session.Open(t.Context(), newKeys(), issued.Token, now)
		if err != nil || opened.SecretAccessKey != issued.SecretAccessKey || opened.AccessKeyID != issued.AccessKeyID {
			t.Fatalf("opened: %v, the same credentials %t", err, opened == issued)
		}
	}
}

func TestExpiry(t *testing.T) {
	issued, err := session.Issue(t.Context(), newKeys(), session.Session{Principal: "app"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := session.Open(t.Context(), newKeys(), issued.Token, issued.Expires.Add(session.Grace)); err != nil {
		t.Errorf("within grace: %v", err)
	}
	_, _, err = session.Open(t.Context(), newKeys(), issued.Token, issued.Expires.Add(session.Grace+time.Second))
	if !errors.Is(err, session.ErrExpired) {
		t.Errorf("one second past expiry and grace: %v, want ErrExpired", err)
	}
}

func TestTokenAltered(t *testing.T) {
	issued, err := session.Issue(t.Context(), newKeys(), session.Session{Principal: "app", Bucket: "b"}, now)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(issued.Token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		broken := append([]byte(nil), raw...)
		broken[i] ^= 1
		if _, _, err := session.Open(t.Context(), newKeys(), base64.RawURLEncoding.EncodeToString(broken),
			now); !errors.Is(err, session.ErrMalformed) {
			t.Fatalf("byte %d changed: %v, want ErrMalformed", i, err)
		}
		if _, _, err := session.Open(t.Context(), newKeys(), base64.RawURLEncoding.EncodeToString(raw[:i]),
			now); !errors.Is(err, session.ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v, want ErrMalformed", i, err)
		}
	}
}

func TestForeignKey(t *testing.T) {
	issued, err := session.Issue(t.Context(), newKeys(), session.Session{Principal: "app"}, now)
	if err != nil {
		t.Fatal(err)
	}
	other := keys{firstID: newKeys()[[16]byte{2}]}
	if _, _, err := session.Open(t.Context(), other, issued.Token, now); !errors.Is(err, session.ErrMalformed) {
		t.Errorf("another key under the same id: %v, want ErrMalformed", err)
	}
	if _, _, err := session.Open(t.Context(), keys{}, issued.Token, now); !errors.Is(err, session.ErrMalformed) {
		t.Errorf("unknown key id: %v, want ErrMalformed", err)
	}
}

func FuzzOpen(f *testing.F) {
	issued, err := session.Issue(context.Background(), newKeys(),
		session.Session{Principal: "app", Bucket: "b", KMS: true}, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(issued.Token)
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		s, _, err := session.Open(t.Context(), newKeys(), token, now)
		if err == nil && token != issued.Token && s.Principal != "app" {
			t.Errorf("a token that was never issued opened: %q", token)
		}
		if err != nil && !errors.Is(err, session.ErrMalformed) && !errors.Is(err, session.ErrExpired) {
			t.Errorf("unexpected error %v", err)
		}
	})
}

func TestATokenNamesItsSessionKey(t *testing.T) {
	issued, err := session.Issue(t.Context(), newKeys(), session.Session{Principal: "app", Bucket: "b"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := session.KeyID(issued.Token); !ok || id != firstID {
		t.Errorf("%x (%t), want %x", id, ok, firstID)
	}
	for _, token := range []string{
		"", "x", issued.Token[:20], "A" + issued.Token[1:] + "=",
		string(make([]byte, 5000)),
	} {
		if id, ok := session.KeyID(token); ok || id != [16]byte{} {
			t.Errorf("%.40q names %x", token, id)
		}
	}
}

// brokenKeys has no session key to give, for a reason.
type brokenKeys struct{ err error }

func (k brokenKeys) Current(context.Context) (id [16]byte, key []byte, err error) {
	return id, nil, k.err
}

func (k brokenKeys) Find(context.Context, [16]byte) ([]byte, bool, error) { return nil, false, k.err }

// Keys that can't be had are an error of ours, not of the token.
func TestKeysThatCannotBeFound(t *testing.T) {
	away := errors.New("the store is away")
	if c, err := session.Issue(t.Context(), brokenKeys{away}, session.Session{}, now); !errors.Is(err, away) ||
		c.Token != "" {
		t.Errorf("Issue: %+v, %v", c, err)
	}
	issued, err := session.Issue(t.Context(), newKeys(), session.Session{Principal: "app"}, now)
	if err != nil {
		t.Fatal(err)
	}
	s, c, err := session.Open(t.Context(), brokenKeys{away}, issued.Token, now)
	if !errors.Is(err, away) || errors.Is(err, session.ErrMalformed) || s != (session.Session{}) ||
		c != (session.Credentials{}) {
		t.Errorf("Open: %+v, %v", s, err)
	}
	if _, _, err := session.Open(t.Context(), brokenKeys{}, issued.Token, now); !errors.Is(err, session.ErrMalformed) {
		t.Errorf("a key that never was: %v", err)
	}
}

// What isn't a whole session is none.
func TestSessionsAreReadWhole(t *testing.T) {
	want := session.Session{
		Principal: "app", Bucket: "b", Incarnation: "i", KeyARN: "k", ReadOnly: true, KMS: true,
		Expires: now.Truncate(time.Second),
	}
	b, err := session.Append(nil, &want)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := session.Parse(b); !ok || got != want {
		t.Errorf("%+v, %t", got, ok)
	}
	for n := range b {
		if got, ok := session.Parse(b[:n]); ok {
			t.Errorf("of %d bytes: %+v", n, got)
		}
	}
	if got, ok := session.Parse(append(b, 0)); ok {
		t.Errorf("a byte too long: %+v", got)
	}
}
