package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Tag is one of a bucket's or an object's. It is an alias, so that other packages' lists of tags convert to Tags.
type Tag = struct{ Key, Value string }

// Tags are in the order in which they were given; no key occurs twice.
type Tags []Tag

// isTagText reports whether a tag's name or value has only what S3 allows there: letters, numbers, spaces and these
// signs.
func isTagText(text string, limit int) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > limit {
		return false
	}
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !unicode.IsSpace(r) &&
			!strings.ContainsRune("+-=._:/@", r) {
			return false
		}
	}
	return true
}

// S3's limits of bucket tags.
const (
	maxTags     = 50
	maxTagKey   = 128 // characters
	maxTagValue = 256
)

// isSystemTag reports whether a tag's key is of those that are AWS's own.
func isSystemTag(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

func tooManyTags() *Refusal {
	return refuse("6.9", codeBadRequest, "Bucket tag count cannot be greater than 50")
}

// With returns tags with more, which replace those of the same key in their place.
func (tags Tags) With(more Tags) (Tags, *Refusal) {
	both := slices.Clone(tags)
	for _, t := range more {
		if i := slices.IndexFunc(both, func(u Tag) bool { return u.Key == t.Key }); i >= 0 {
			both[i].Value = t.Value
		} else {
			both = append(both, t)
		}
	}
	if len(both) > maxTags {
		return nil, tooManyTags()
	}
	return both, nil
}

func (tags Tags) has(key string) bool {
	return slices.ContainsFunc(tags, func(t Tag) bool { return t.Key == key })
}

// IsTagValue reports whether a tag may have this value.
func IsTagValue(text string) bool { return isTagText(text, maxTagValue) }

// IsTagKey reports whether a tag may have this key: one that isn't AWS's own.
func IsTagKey(text string) bool {
	return text != "" && isTagText(text, maxTagKey) && !isSystemTag(text)
}
