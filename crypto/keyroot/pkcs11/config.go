package pkcs11

import (
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"sealfront/crypto/keyroot"
)

// Config says which key of which token is the root. Module, Token, PIN and Key or KeyID are required.
type Config struct {
	Module string // shared library of the HSM's maker, such as /usr/lib/softhsm/libsofthsm2.so
	Token  string // label of the token, which tells its slot
	PIN    keyroot.Secret
	Key    string // label of the AES key of 256 bits, which must exist
	KeyID  string // CKA_ID of the key in hexadecimal, where the label isn't enough
	// Mechanism is how the key wraps: gcm, CKM_AES_GCM; or wrap, CKM_AES_KEY_WRAP_PAD or CKM_AES_KEY_WRAP. Default: the
	// first that token and key allow. What was wrapped either way is unwrapped.
	Mechanism string
	Sessions  int           // most at once; default 8
	Timeout   time.Duration // of a call; default 5 s
}

const (
	defaultSessions = 8
	defaultTimeout  = 5 * time.Second
	maxIdentity     = 200 // bytes, Root's word
)

// Faults returns everything that is wrong with c, in the words of a configuration file. It reads no file.
func (c Config) Faults() keyroot.Faults {
	var f keyroot.Faults
	if c.Module == "" {
		f.Add("module", "must be set: the shared library of the HSM's maker")
	}
	if c.Token == "" || len(c.Token) > 32 {
		f.Add("token", "%q is not the label of a token: 1 to 32 bytes", c.Token)
	}
	c.PIN.Check(&f, "pin", true)
	if c.Key == "" && c.KeyID == "" {
		f.Add("key", "must be set: the label of an AES key, or key_id")
	}
	if _, err := hex.DecodeString(c.KeyID); err != nil {
		f.Add("key_id", "%q is not hexadecimal", c.KeyID)
	}
	if n := len(c.identity()); n > maxIdentity {
		f.Add("key", "token, key and key_id are too long together: an identity of %d bytes, at most %d", n, maxIdentity)
	}
	if c.Mechanism != "" && c.Mechanism != "gcm" && c.Mechanism != "wrap" {
		f.Add("mechanism", "%q is neither gcm nor wrap", c.Mechanism)
	}
	if c.Sessions < 0 {
		f.Add("sessions", "must not be negative")
	}
	if c.Timeout < 0 {
		f.Add("timeout", "must not be negative")
	}
	return f
}

// identity is a URI of RFC 7512: the labels, not the slot or the serial number, which a restored token changes.
func (c Config) identity() string {
	uri := "pkcs11:token=" + url.PathEscape(c.Token)
	if c.Key != "" {
		uri += ";object=" + url.PathEscape(c.Key)
	}
	if c.KeyID != "" {
		uri += ";id=" + strings.ToLower(c.KeyID)
	}
	return uri
}
