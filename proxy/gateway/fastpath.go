package gateway

import (
	"sealfront/proxy/s3"
)

// This file trades simplicity for speed: it rules out, by two letters, most of the headers that a caller doesn't use,
// and the caller compares the rest by their names. It must pass every name that the simple implementation uses:
// FuzzHeadersAreNotRuledOut compares the two.

// maybeMetadata reports whether a header of a request may say something about the object that it makes.
func maybeMetadata(name []byte) bool {
	if len(name) < len("expires") {
		return false
	}
	switch name[0] | 0x20 {
	case 'c', 'e':
		return true
	case 'x':
		return name[6]|0x20 == 'm'
	}
	return false
}

// maybeShown reports whether a header of the store's answer may be one that clients see of an object.
func maybeShown(name []byte) bool {
	return maybeMetadata(name) || len(name) > 0 && name[0]|0x20 == 'l'
}

// maybeChecksum reports whether a header may announce a body's checksum.
func maybeChecksum(name []byte) bool {
	return len(name) > len(s3.ChecksumPrefix) && name[0]|0x20 == 'x' && name[6]|0x20 == 'c'
}
