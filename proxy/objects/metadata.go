package objects

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

const UserMetadata = "x-amz-meta-"

// The proxy's own metadata: the envelope under Options.MetadataHeader, and, with these suffixes, the
// object's Content-Encoding and, for form-typed objects, its Content-Type: a store may take such a body for a form
// and parse it, as the proxy's own HTTP server would (S6). So is x-amz-website-redirect-location, on which a store
// might act, and an Expires values that are no date where the store drops such.
const (
	EncodingSuffix = "-encoding"
	TypeSuffix     = "-type"
	RedirectSuffix = "-redirect"
	ExpiresSuffix  = "-expires"
)

// Reserved reports whether metadata of this lower-case name is the proxy's own. Names that only begin like it are not:
// a proxy in front of this one has its own.
func (g *Objects) Reserved(name string) bool {
	suffix, ok := strings.CutPrefix(name, g.o.MetadataHeader)
	return ok &&
		(suffix == "" || suffix == EncodingSuffix || suffix == TypeSuffix || suffix == RedirectSuffix ||
			suffix == ExpiresSuffix)
}

// MaxMetadata is the limit of user metadata at the store, names and values, in bytes: S3's own, or less where the probe
// found less room.
func (g *Objects) MaxMetadata() int {
	if g.o.Abilities.MetadataRoom {
		return 2048
	}
	return 1248
}

// BytesMark begins the value of user metadata that isn't ASCII, in the store. Some stores hand such values back as RFC
// 2047 words, some don't take them; so they are kept as base64, and come back byte for byte.
const BytesMark = "sealfront-bytes:"

// StoredValue is a value of user metadata as the store gets it.
func StoredValue(value string) string {
	if !s3.IsASCII(value) || strings.HasPrefix(value, BytesMark) {
		return BytesMark + base64.RawURLEncoding.EncodeToString([]byte(value))
	}
	return value
}

// ShownValue is what storedValue was given. What the store may have put there is shown as it is, but for what no header
// can carry.
func ShownValue(stored string) string {
	encoded, marked := strings.CutPrefix(stored, BytesMark)
	if !marked {
		return stored
	}
	value, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || bytes.ContainsAny(value, "\r\n\x00") {
		return stored
	}
	return string(value)
}

// MetadataTooLarge is 400 for user metadata of used bytes where there is room for so many.
func MetadataTooLarge(room, used int) error {
	return s3.MetadataTooLarge("MaxSizeAllowed", strconv.Itoa(room), "Size", strconv.Itoa(used))
}

// IsStored reports whether the header with this lower-case name is kept with an object as it is.
func IsStored(name string) bool {
	for _, s := range storedHeaders {
		if s == name {
			return true
		}
	}
	return false
}

const (
	ClassHeader    = "x-amz-storage-class"
	RedirectHeader = "x-amz-website-redirect-location"
	LockMode       = "x-amz-object-lock-mode"
	LockUntil      = "x-amz-object-lock-retain-until-date"
	LockHold       = "x-amz-object-lock-legal-hold"
)

const (
	TagsHeader     = "x-amz-tagging"
	TagCountHeader = "x-amz-tagging-count"
	TagDirective   = "x-amz-tagging-directive"
)
