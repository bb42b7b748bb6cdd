//go:build pkcs11

package pkcs11

import (
	"github.com/miekg/pkcs11"

	"sealfront/crypto/keyroot"
)

// Module returns the module of a root, for what a test does to its token.
func Module(r keyroot.Root) *pkcs11.Ctx { return r.(*Root).library.Ctx }
