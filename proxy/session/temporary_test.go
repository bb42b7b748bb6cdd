package session_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/session"
)

func newTemporary() *session.Temporary {
	return &session.Temporary{
		Role: "app", Name: "web-1", Issued: now.UTC().Truncate(time.Second),
		Expires: now.UTC().Truncate(time.Second).Add(time.Hour),
		Ended:   3, Provider: "https://issuer", Claims: map[string][]string{"sub": {"me"}, "\x00principal": {"x"}},
		Tags: []session.Tag{{Key: "Team", Value: "red"}}, Policy: "{}",
		Through: []session.Temporary{{Role: "first", Name: "n", Expires: now.UTC().Truncate(time.Second).Add(2 * time.Hour)}},
	}
}

func TestTemporaryCredentials(t *testing.T) {
	want := newTemporary()
	c, err := session.IssueTemporary(t.Context(), newKeys(), want)
	if err != nil {
		t.Fatal(err)
	}
	got, opened, err := session.OpenTemporary(t.Context(), newKeys(), c.Token, now)
	if err != nil || !reflect.DeepEqual(got, want) || opened != c {
		t.Errorf("%+v, %+v, %v, want %+v", got, opened, err, want)
	}
	if got.Principal() != "assumed-role/app/web-1" || got.Packed() < 1 || got.Packed() > 20 {
		t.Errorf("%s, %d %%", got.Principal(), got.Packed())
	}
	if _, _, err = session.OpenTemporary(t.Context(), newKeys(), c.Token, want.Expires.Add(session.Grace)); err != nil {
		t.Error(err)
	}
	if _, _, err = session.OpenTemporary(t.Context(), newKeys(), c.Token,
		want.Expires.Add(session.Grace+time.Second)); !errors.Is(err, session.ErrExpired) {
		t.Error(err)
	}
	if id, ok := session.KeyID(c.Token); !ok || id != firstID {
		t.Errorf("%x, %t", id, ok)
	}
	for i := range len(c.Token) {
		b := []byte(c.Token)
		b[i] ^= 1
		if _, _, err := session.OpenTemporary(t.Context(), newKeys(), string(b), now); !errors.Is(err, session.ErrMalformed) {
			t.Fatalf("altered at %d: %v", i, err)
		}
	}
	foreign := newKeys()
	foreign[firstID] = []byte("00000000000000000000000000000000")
	if _, _, err := session.OpenTemporary(t.Context(), foreign, c.Token, now); !errors.Is(err, session.ErrMalformed) {
		t.Errorf("another installation's: %v", err)
	}
	if _, err := session.IssueTemporary(t.Context(), brokenKeys{errors.New("away")}, want); err == nil {
		t.Error("issued without a key")
	}
}

func TestTokensAreOfOneKind(t *testing.T) {
	temporary, err := session.IssueTemporary(t.Context(), newKeys(), newTemporary())
	if err != nil {
		t.Fatal(err)
	}
	made, err := session.Issue(t.Context(), newKeys(), session.Session{Principal: "app", Bucket: "b"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := session.Open(t.Context(), newKeys(), temporary.Token, now); !errors.Is(err, session.ErrMalformed) {
		t.Error(err)
	}
	if _, _, err := session.OpenTemporary(t.Context(), newKeys(), made.Token, now); !errors.Is(err, session.ErrMalformed) {
		t.Error(err)
	}
	// The version is one base64 digit and a half: A is 0 to 3, so Aw… and Ag… differ in it alone.
	for _, token := range []string{temporary.Token, made.Token} {
		for _, first := range []string{"AQ", "Ag", "AA", "Aw"} {
			b := first[:1] + string(first[1]) + token[2:]
			if b == token {
				continue
			}
			if _, _, err := session.Open(t.Context(), newKeys(), b, now); !errors.Is(err, session.ErrMalformed) {
				t.Errorf("%s: %v", first, err)
			}
			if _, _, err := session.OpenTemporary(t.Context(), newKeys(), b, now); !errors.Is(err, session.ErrMalformed) {
				t.Errorf("%s: %v", first, err)
			}
		}
	}
}

func TestASessionOnTopOfARoles(t *testing.T) {
	want := newTemporary()
	c, err := session.Issue(t.Context(), newKeys(), session.Session{
		Principal: want.Principal(), Bucket: "b", Incarnation: "i", Assumed: want,
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := session.Open(t.Context(), newKeys(), c.Token, now)
	if err != nil || !reflect.DeepEqual(got.Assumed, want) || got.Bucket != "b" || got.Principal != want.Principal() {
		t.Errorf("%+v, %v", got, err)
	}
	late := want.Expires.Add(-time.Minute)
	if c, err = session.Issue(t.Context(), newKeys(), session.Session{Assumed: want}, late); err != nil ||
		!c.Expires.Equal(want.Expires) {
		t.Errorf("%+v, %v", c, err)
	}
	b, err := session.Append(nil, &got)
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if s, ok := session.Parse(b[:n]); ok {
			t.Fatalf("of %d bytes: %+v", n, s)
		}
	}
	if s, ok := session.Parse([]byte(strings.Replace(string(b), `"r":"app"`, `"r":""   `, 1))); ok {
		t.Errorf("without a role: %+v", s)
	}
}

// The largest session fits into a token, and so does one of CreateSession on top.
func TestTokensHaveTheirSize(t *testing.T) {
	s := newTemporary()
	s.Policy = ""
	for {
		next := *s
		next.Policy += "x"
		if _, err := session.IssueTemporary(t.Context(), newKeys(), &next); err != nil {
			if !errors.Is(err, session.ErrTooLarge) || next.Packed() != 100 {
				t.Error(err)
			}
			break
		}
		s = &next
	}
	c, err := session.IssueTemporary(t.Context(), newKeys(), s)
	if err != nil || len(c.Token) > session.MaxToken {
		t.Errorf("%d, %v", len(c.Token), err)
	}
	top := session.Session{
		Principal: s.Principal() + strings.Repeat("x", 100), Bucket: strings.Repeat("b", 63),
		Incarnation: strings.Repeat("i", 32),
		KMS:         true, KeyARN: strings.Repeat("k", 200), Assumed: s,
	}
	if c, err = session.Issue(t.Context(), newKeys(), top, now); err != nil {
		t.Fatal(err)
	}
	if _, _, err := session.Open(t.Context(), newKeys(), c.Token, now); err != nil {
		t.Errorf("a token of %d bytes: %v", len(c.Token), err)
	}
	if _, err := session.Issue(t.Context(), newKeys(), session.Session{
		Assumed: &session.Temporary{Policy: strings.Repeat("x", 5000)},
	}, now); !errors.Is(err, session.ErrTooLarge) {
		t.Error(err)
	}
}
