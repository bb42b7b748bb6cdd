package policy

import (
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Tag is one of a bucket's or an object's. It is an alias, so that other packages' lists of tags convert to Tags.
type Tag = struct{ Key, Value string }

// Tags are in the order in which they were given; no key occurs twice.
type Tags []Tag

// maxObjectTags is how many tags an object may have; names and values are bounded as those of a bucket.
const maxObjectTags = 10

// checkTags holds what x-amz-tagging may say: up to ten tags, query-encoded.
func checkTags(value string) *Refusal {
	if value == "" {
		return nil
	}
	tags, err := url.ParseQuery(value)
	if err != nil {
		return invalidTags("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	if len(tags) > maxObjectTags {
		return refuse("1.7", codeBadRequest, "Object tags cannot be greater than 10")
	}
	for name, values := range tags {
		switch {
		case len(values) > 1 || name == "":
			return invalidTags("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		case !isTagText(name, maxTagKey):
			return refuse("1.7", codeInvalidTag, "The TagKey you have provided is invalid", "TagKey", name)
		case !isTagText(values[0], maxTagValue):
			return refuse("1.7", codeInvalidTag, "The TagValue you have provided is invalid", "TagKey", name, "TagValue", values[0])
		}
	}
	return nil
}

// isTagText tells whether a tag's name or value has only what S3 allows there: letters, numbers, spaces and these signs.
func isTagText(text string, limit int) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > limit {
		return false
	}
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !unicode.IsSpace(r) && !strings.ContainsRune("+-=._:/@", r) {
			return false
		}
	}
	return true
}

func invalidTags(text string) *Refusal {
	return refuse("1.7", codeInvalidArgument, text, "ArgumentName", headerNames[hTagging])
}

// checkLock holds the values of an Object Lock header. That mode and date come together is CheckRequest's.
func checkLock(id headerID, value string) *Refusal {
	switch id {
	case hLockMode:
		if value == "GOVERNANCE" || value == "COMPLIANCE" {
			return nil
		}
		return invalidArgument("1.7", headerNames[id], value, "Unknown wormMode directive.")
	case hLockHold:
		if value == "ON" || value == "OFF" {
			return nil
		}
		return invalidArgument("1.7", headerNames[id], value, "Legal Hold must be either of 'ON' or 'OFF'")
	}
	if _, err := time.Parse(time.RFC3339, value); err != nil {
		return invalidArgument("1.7", headerNames[id], value, "The retain until date must be provided in ISO 8601 format")
	}
	return nil
}

// checkRetention: mode and date of a retention come together.
func checkRetention(d *digest) *Refusal {
	if d.has(hLockMode) != d.has(hLockUntil) {
		return invalidArgument("1.7", headerNames[hLockMode], d.header(hLockMode), "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	return nil
}
