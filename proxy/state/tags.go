package state

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Tags are a bucket's tags in the order in which they were given; no key occurs twice.
//
// In a record they are one JSON object whose members have that order. Earlier releases read and wrote the same object
// as a map, so that replicas of both may serve a bucket at the same time; what they wrote is sorted.
type Tags []struct{ Key, Value string }

var errTags = errors.New("tags aren't an object of strings")

// MarshalJSON writes them as an object.
func (t Tags) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, tag := range t {
		if i > 0 {
			out = append(out, ',')
		}
		for j, text := range [...]string{tag.Key, tag.Value} {
			quoted, err := json.Marshal(text)
			if err != nil {
				return nil, err
			}
			if j > 0 {
				out = append(out, ':')
			}
			out = append(out, quoted...)
		}
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads such an object.
func (t *Tags) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	first, err := d.Token()
	switch {
	case err != nil:
		return err
	case first == nil:
		*t = nil
		return nil
	case first != json.Delim('{'):
		return errTags
	}
	var tags Tags
	seen := make(map[string]bool)
	for d.More() {
		var pair [2]string
		for i := range pair {
			token, err := d.Token()
			if err != nil {
				return err
			}
			word, ok := token.(string)
			if !ok {
				return errTags
			}
			pair[i] = word
		}
		if seen[pair[0]] {
			return errTags
		}
		seen[pair[0]] = true
		tags = append(tags, struct{ Key, Value string }{pair[0], pair[1]})
	}
	*t = tags
	return nil
}
