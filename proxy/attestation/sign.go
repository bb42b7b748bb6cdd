package attestation

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	begin     = `{"statement":`
	signature = `,"signature":"`
	end       = `"}`
)

// Sign writes a statement and its signature as one line, with its end. key nil leaves the statement unsigned: PublicKey
// and the signature are empty then.
func Sign(s *Statement, key ed25519.PrivateKey) ([]byte, error) {
	s.Kind, s.PublicKey = Kind, ""
	if key != nil {
		s.PublicKey = base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	}
	s.conclude()
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("write the statement: %w", err)
	}
	text, signed := bytes.TrimRight(body.Bytes(), "\n"), ""
	if key != nil {
		signed = base64.StdEncoding.EncodeToString(ed25519.Sign(key, text))
	}
	return []byte(begin + string(text) + signature + signed + end + "\n"), nil
}

// Errors of Open.
var (
	ErrUnsigned  = errors.New("the statement isn't signed: it was made without the key service")
	ErrSignature = errors.New("the statement's signature isn't one of this key: it was changed, or another installation " +
		"made it")
)

// Open returns the statement of a line if public signed it.
func Open(line []byte, public ed25519.PublicKey) (*Statement, error) {
	body, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(begin))
	at := bytes.LastIndex(body, []byte(signature))
	if !ok || at < 0 || !bytes.HasSuffix(body, []byte(end)) {
		return nil, errors.New("it is no statement")
	}
	text := string(body[at+len(signature) : len(body)-len(end)])
	if text == "" {
		return nil, ErrUnsigned
	}
	signed, err := base64.StdEncoding.Strict().DecodeString(text)
	body = body[:at]
	if err != nil || len(public) != ed25519.PublicKeySize || !ed25519.Verify(public, body, signed) {
		return nil, ErrSignature
	}
	s := new(Statement)
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("the statement can't be read: %w", err)
	}
	if s.Kind != Kind || s.PublicKey != base64.StdEncoding.EncodeToString(public) {
		return nil, fmt.Errorf("it is a statement of kind %q, not %q, or names another key than its own", s.Kind, Kind)
	}
	return s, nil
}

// Sum is the SHA-256 of a statement's line without its end, hexadecimal: what the audit log has of it.
func Sum(line []byte) string {
	sum := sha256.Sum256(bytes.TrimSuffix(line, []byte("\n")))
	return hex.EncodeToString(sum[:])
}
