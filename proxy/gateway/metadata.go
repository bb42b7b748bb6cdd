package gateway

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"sealfront/proxy/s3"
)

// storedHeaders are the system metadata that the store keeps with an object and gives back as they are.
// Content-Encoding is not among them: some stores and caches act on it, so it is kept in metadata of ours.
var storedHeaders = [...]string{"cache-control", "content-disposition", "content-language", "expires"}

const userMetadata = "x-amz-meta-"

// The proxy's own metadata: the envelope under Options.MetadataHeader, and beside it, with these suffixes, the
// object's Content-Encoding and, for form-typed objects, its Content-Type: a store may take such a body for a form
// and parse it, as the proxy's own HTTP server would (S6). So is x-amz-website-redirect-location, on which a store might
// act, and an Expires that is no date where the store drops such.
const (
	encodingSuffix = "-encoding"
	typeSuffix     = "-type"
	redirectSuffix = "-redirect"
	expiresSuffix  = "-expires"
)

// reserved reports whether metadata of this lower-case name is the proxy's own. Names that only begin like it are not: a
// proxy in front of this one has its own.
func (g *Objects) reserved(name string) bool {
	suffix, ok := strings.CutPrefix(name, g.o.MetadataHeader)
	return ok && (suffix == "" || suffix == encodingSuffix || suffix == typeSuffix || suffix == redirectSuffix || suffix == expiresSuffix)
}

// maxMetadata is the limit of user metadata at the store, names and values, in bytes: S3's own, or less where the probe
// found less room.
func (g *Objects) maxMetadata() int {
	if g.o.Abilities.MetadataRoom {
		return 2048
	}
	return 1248
}

// bytesMark begins the value of user metadata that isn't ASCII, in the store. Some stores hand such values back as RFC 2047
// words, some don't take them; so they are kept as base64, and come back byte for byte.
const bytesMark = "sealfront-bytes:"

func storedValue(value string) string {
	if !s3.IsASCII(value) || strings.HasPrefix(value, bytesMark) {
		return bytesMark + base64.RawURLEncoding.EncodeToString([]byte(value))
	}
	return value
}

// shownValue is what storedValue was given. What the store may have put there is shown as it is, but for what no header
// can carry.
func shownValue(stored string) string {
	encoded, marked := strings.CutPrefix(stored, bytesMark)
	if !marked {
		return stored
	}
	value, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || bytes.ContainsAny(value, "\r\n\x00") {
		return stored
	}
	return string(value)
}

func metadataTooLarge(room, used int) error {
	return s3.Refuse("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size",
		"MaxSizeAllowed", strconv.Itoa(room), "Size", strconv.Itoa(used))
}

func isStored(name string) bool {
	for _, s := range storedHeaders {
		if s == name {
			return true
		}
	}
	return false
}

const (
	classHeader    = "x-amz-storage-class"
	redirectHeader = "x-amz-website-redirect-location"
	lockMode       = "x-amz-object-lock-mode"
	lockUntil      = "x-amz-object-lock-retain-until-date"
	lockHold       = "x-amz-object-lock-legal-hold"
)
