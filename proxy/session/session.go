// Package session issues and opens the credentials of CreateSession, and the temporary credentials of a role's session.
// Neither is stored anywhere: a token is a sealed record that any replica opens, so a request with it needs no call to
// be authenticated.
//
//	token = base64url( version ‖ session key id 16 ‖ salt 16 ‖ AES-256-GCM( principal, bucket, … , expiry ) )
//	                   └──────────── additional data ───────┘
//
// Version 1 is a token of CreateSession, version 2 one of temporary credentials; the version is authenticated, so
// neither is ever taken for the other (TestTokensAreOfOneKind).
//
//	token key, secret access key, access key id = Expand(session key, "token" | "secret" | "id" ‖ salt)
//
// Each token has a key of its own, derived from its salt, so the nonce is zero and no count of tokens wears a
// key out. The secret access key is derived, not carried, so nobody but a replica can derive it from a token.
//
// Promises: an altered, cut or foreign token is ErrMalformed (TestTokenAltered); after expiry and grace it is
// ErrExpired (TestExpiry); a token of one key id never opens under another key (TestForeignKey).
// What is not protected: whoever holds the session keys makes sessions; they lie sealed in the state bucket.
package session

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Lifetime is how long a session is valid. Source: CreateSession, "5 minutes".
const Lifetime = 5 * time.Minute

// Grace is added to the expiry when a token is opened, for clocks that differ between replicas.
const Grace = 10 * time.Second

// The outcomes of Open.
var (
	ErrMalformed = errors.New("the session token is malformed")
	ErrExpired   = errors.New("the session has expired")
)

// Keys is where session keys come from. Keys are 32 bytes and must not be changed.
type Keys interface {
	// Current returns the key that new sessions use.
	Current(ctx context.Context) (id [16]byte, key []byte, err error)
	// Find returns the key with this id; ok is false if there is none.
	Find(ctx context.Context, id [16]byte) (key []byte, ok bool, err error)
}

// A Session is what a token carries.
type Session struct {
	Principal   string // name of the identity that made it
	Bucket      string
	Incarnation string // of the bucket; "" for a provisional session
	ReadOnly    bool
	KMS         bool   // SSE-KMS, otherwise SSE-S3
	KeyARN      string // with KMS
	Expires     time.Time
	// Assumed is the session of a role that made it; nil for an identity. Principal is then its Principal().
	Assumed *Temporary
}

// Credentials are what CreateSession and STS answer.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	Token           string
	Expires         time.Time
}

const (
	ofSession   = 1 // versions of tokens
	ofTemporary = 2

	aadSize = 1 + 16 + 16
	tagSize = 16
)

// MaxToken bounds the length of a token.
const MaxToken = 6144

// Issue makes credentials for s, whose Expires it sets from now. They don't outlive the temporary credentials that they
// are made with.
func Issue(ctx context.Context, keys Keys, s Session, now time.Time) (Credentials, error) {
	s.Expires = now.Add(Lifetime).UTC().Truncate(time.Second)
	if s.Assumed != nil && s.Assumed.Expires.Before(s.Expires) {
		s.Expires = s.Assumed.Expires
	}
	content, err := appendSession(nil, &s)
	if err != nil {
		return Credentials{}, err
	}
	return seal(ctx, keys, ofSession, content, s.Expires)
}

// seal makes credentials whose token carries content.
func seal(ctx context.Context, keys Keys, version byte, content []byte, expires time.Time) (Credentials, error) {
	id, key, err := keys.Current(ctx)
	if err != nil {
		return Credentials{}, fmt.Errorf("find a session key: %w", err)
	}
	token := make([]byte, aadSize, 512)
	token[0] = version
	copy(token[1:], id[:])
	c := Credentials{Expires: expires}
	var aead cipher.AEAD
	// A secret that begins with a hyphen would be read as an option by programs that take it as an
	// argument. Another salt gives another secret, so tokens stay what they were.
	for c.SecretAccessKey == "" || c.SecretAccessKey[0] == '-' {
		rand.Read(token[17:aadSize])
		if aead, err = c.derive(key, token[17:aadSize]); err != nil {
			return Credentials{}, err
		}
	}
	token = aead.Seal(token, make([]byte, aead.NonceSize()), content, token[:aadSize])
	c.Token = base64.RawURLEncoding.EncodeToString(token)
	return c, nil
}

// Open checks a token and returns the session with its access key id and secret. It does not look at
// signatures, buckets or principals: those are the caller's.
func Open(ctx context.Context, keys Keys, token string, now time.Time) (Session, Credentials, error) {
	plain, c, err := open(ctx, keys, ofSession, token)
	if err != nil {
		return Session{}, Credentials{}, err
	}
	s, ok := parseSession(plain)
	if !ok {
		return Session{}, Credentials{}, ErrMalformed
	}
	c.Expires = s.Expires
	if now.After(s.Expires.Add(Grace)) {
		return s, c, ErrExpired
	}
	return s, c, nil
}

// open checks a token of a version and returns what it carries, with its access key id and secret.
func open(ctx context.Context, keys Keys, version byte, token string) ([]byte, Credentials, error) {
	raw, ok := decode(token)
	if !ok || raw[0] != version {
		return nil, Credentials{}, ErrMalformed
	}
	key, ok, err := keys.Find(ctx, [16]byte(raw[1:17]))
	if err != nil {
		return nil, Credentials{}, fmt.Errorf("find a session key: %w", err)
	}
	if !ok {
		return nil, Credentials{}, ErrMalformed
	}
	c := Credentials{Token: token}
	aead, err := c.derive(key, raw[17:aadSize])
	if err != nil {
		return nil, Credentials{}, err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), raw[aadSize:], raw[:aadSize])
	if err != nil {
		return nil, Credentials{}, ErrMalformed
	}
	return plain, c, nil
}

// IsTemporary reports whether a token says that it is one of temporary credentials, without any check of it.
func IsTemporary(token string) bool {
	raw, ok := decode(token)
	return ok && raw[0] == ofTemporary
}

// KeyID returns the id of the session key that a token names, without any check of the token.
func KeyID(token string) (id [16]byte, ok bool) {
	raw, ok := decode(token)
	if !ok {
		return id, false
	}
	return [16]byte(raw[1:17]), true
}

func decode(token string) (raw []byte, ok bool) {
	if len(token) > MaxToken {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return raw, err == nil && len(raw) >= aadSize+tagSize
}

// derive fills in id and secret and returns the token's cipher. The session key is uniform, so HKDF's
// extract step would buy nothing.
func (c *Credentials) derive(key, salt []byte) (cipher.AEAD, error) {
	expand := func(purpose string, n int) ([]byte, error) {
		return hkdf.Expand(sha256.New, key, "sealfront session "+purpose+string(salt), n)
	}
	tokenKey, err := expand("token", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the token's key: %w", err)
	}
	secret, err := expand("secret", 30)
	if err != nil {
		return nil, fmt.Errorf("derive the session's secret: %w", err)
	}
	id, err := expand("id", 10)
	if err != nil {
		return nil, fmt.Errorf("derive the session's access key id: %w", err)
	}
	c.SecretAccessKey = base64.RawURLEncoding.EncodeToString(secret)
	c.AccessKeyID = "ASIA" + base32.StdEncoding.EncodeToString(id)
	block, err := aes.NewCipher(tokenKey)
	if err != nil {
		return nil, fmt.Errorf("make the token's cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

// The session's binary form: flags ‖ expiry (8) ‖ four strings, each with a two-byte length, and the role's session in
// JSON as a fifth, if there is one.
const (
	flagReadOnly = 1 << iota
	flagKMS
	flagAssumed
)

func appendSession(b []byte, s *Session) ([]byte, error) {
	var flags byte
	if s.ReadOnly {
		flags |= flagReadOnly
	}
	if s.KMS {
		flags |= flagKMS
	}
	list := []string{s.Principal, s.Bucket, s.Incarnation, s.KeyARN}
	if s.Assumed != nil {
		flags |= flagAssumed
		assumed, err := s.Assumed.marshal()
		if err != nil {
			return nil, err
		}
		list = append(list, string(assumed))
	}
	b = append(b, flags)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Expires.Unix()))
	for _, v := range list {
		b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
		b = append(b, v...)
	}
	return b, nil
}

func parseSession(b []byte) (s Session, ok bool) {
	if len(b) < 9 {
		return s, false
	}
	s.ReadOnly, s.KMS = b[0]&flagReadOnly != 0, b[0]&flagKMS != 0
	s.Expires = time.Unix(int64(binary.BigEndian.Uint64(b[1:])), 0).UTC()
	var assumed string
	list := []*string{&s.Principal, &s.Bucket, &s.Incarnation, &s.KeyARN}
	if b[0]&flagAssumed != 0 {
		list = append(list, &assumed)
	}
	b = b[9:]
	for _, v := range list {
		if len(b) < 2 {
			return s, false
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; len(b) < n {
			return s, false
		}
		*v, b = string(b[:n]), b[n:]
	}
	if assumed != "" {
		if s.Assumed, ok = parseTemporary([]byte(assumed)); !ok {
			return s, false
		}
	}
	return s, len(b) == 0
}
