package instance

import (
	"encoding/base32"
	"encoding/base64"
	"strings"
	"testing"
)

// A secret that begins with a hyphen is an option to `mc alias set`; one of 64 random ones would.
func TestNewCredentials(t *testing.T) {
	seen := make(map[string]bool)
	for range 4096 {
		id, secret := newCredentials()
		if strings.HasPrefix(secret, "-") {
			t.Fatalf("secret %q begins with a hyphen", secret)
		}
		if b, err := base64.RawURLEncoding.DecodeString(secret); err != nil || len(b) != 30 {
			t.Fatalf("secret %q: %d bytes, %v; want 30", secret, len(b), err)
		}
		if b, err := base32.StdEncoding.DecodeString(strings.TrimPrefix(id, "AKIA")); err != nil || len(b) != 10 ||
			len(id) != 20 {
			t.Fatalf("access key id %q: %d bytes, %v", id, len(b), err)
		}
		if seen[id] || seen[secret] {
			t.Fatal("an id or a secret came twice")
		}
		seen[id], seen[secret] = true, true
	}
}
