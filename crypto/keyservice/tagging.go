package keyservice

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// KMS's limits of tags.
const (
	maxTags     = 50
	maxTagKey   = 128 // characters
	maxTagValue = 256
)

// checkTags holds what KMS accepts as tags, whatever they mean here.
func checkTags(tags []tag) *Error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagKey:
			return validation("1 validation error detected: Value '%s' at 'tags.member.tagKey' failed to satisfy "+
				"constraint: Member must have length between 1 and %d", t.Key, maxTagKey)
		case utf8.RuneCountInString(t.Value) > maxTagValue:
			return validation("1 validation error detected: Value '%s' at 'tags.member.tagValue' failed to satisfy "+
				"constraint: Member must have length less than or equal to %d", t.Value, maxTagValue)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return fail("TagException", "Tag keys that begin with aws: are AWS's own")
		case seen[t.Key]:
			return fail("TagException", "Duplicate tag keys")
		}
		seen[t.Key] = true
	}
	return nil
}

// own refuses the tags that mean something here: they are for CreateKey.
func own(key string) *Error {
	if strings.HasPrefix(key, "sealfront:") {
		return fail("TagException", "The tag %s has a meaning that this service knows at CreateKey only", key)
	}
	return nil
}

type tagResourceInput struct {
	KeyId string
	Tags  []tag
}

func (c *call) tagResource(in *tagResourceInput) (*struct{}, error) {
	if in.Tags == nil {
		return nil, validation(
			"1 validation error detected: Value null at 'tags' failed to satisfy constraint: Member must not be null")
	}
	if failure := checkTags(in.Tags); failure != nil {
		return nil, failure
	}
	_, err := c.changeKey("TagResource", in.KeyId, func(k *key) *Error {
		if !k.Deletion.IsZero() {
			return invalidState(k.ARN, "pending deletion")
		}
		tags := slices.Clone(k.Tags)
		for _, t := range in.Tags {
			if failure := own(t.Key); failure != nil {
				return failure
			}
			if i := slices.IndexFunc(tags, func(u tag) bool { return u.Key == t.Key }); i >= 0 {
				tags[i] = t
			} else {
				tags = append(tags, t)
			}
		}
		if len(tags) > maxTags {
			return fail("LimitExceededException", "%s would have more than %d tags", k.ARN, maxTags)
		}
		k.Tags = tags
		return nil
	})
	return &struct{}{}, err
}

type untagResourceInput struct {
	KeyId   string
	TagKeys []string
}

func (c *call) untagResource(in *untagResourceInput) (*struct{}, error) {
	if in.TagKeys == nil {
		return nil, validation("1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: " +
			"Member must not be null")
	}
	_, err := c.changeKey("UntagResource", in.KeyId, func(k *key) *Error {
		if !k.Deletion.IsZero() {
			return invalidState(k.ARN, "pending deletion")
		}
		for _, key := range in.TagKeys {
			if failure := own(key); failure != nil {
				return failure
			}
		}
		k.Tags = slices.DeleteFunc(slices.Clone(k.Tags), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
		return nil
	})
	return &struct{}{}, err
}

type listedTags struct {
	Tags       []tag
	Truncated  bool
	NextMarker string `json:",omitempty"`
}

func (c *call) listResourceTags(in *listInput) (*listedTags, error) {
	k, err := c.findByID("ListResourceTags", in.KeyId)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(k.Tags))
	keys := make([]string, 0, len(k.Tags))
	for _, t := range k.Tags {
		values[t.Key] = t.Value
		keys = append(keys, t.Key)
	}
	slices.Sort(keys)
	keys, next, err := page(keys, in, 50, 50)
	if err != nil {
		return nil, err
	}
	out := &listedTags{Tags: []tag{}, Truncated: next != "", NextMarker: next}
	for _, key := range keys {
		out.Tags = append(out.Tags, tag{key, values[key]})
	}
	return out, nil
}
