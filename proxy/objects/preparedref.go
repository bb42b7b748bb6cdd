package objects

import (
	"sealfront/crypto/keyring"
	"sealfront/policy"
)

// PreparedRef is what keyRef named last, prepared: requests that an exchange serves one after the other mostly mean one
// bucket key. It holds no request's memory.
type PreparedRef struct {
	kind                         policy.Kind
	bucketARN, keyARN, principal string
	ref                          *keyring.Prepared
}
