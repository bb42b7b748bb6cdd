//go:build !pkcs11

package pkcs11

import (
	"errors"

	"sealfront/crypto/keyroot"
)

// Built reports whether this program can call modules.
const Built = false

// Open fails: this program can't call modules.
func Open(Config) (keyroot.Root, error) {
	return nil, errors.New("this program was built without PKCS #11, which needs C: " +
		"build it with CGO_ENABLED=1 go build -tags pkcs11")
}
