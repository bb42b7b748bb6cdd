package objects

import (
	"context"
	"math"
	"net/url"
	"strings"
	"testing"

	"sealfront/proxy/store"
)

type countingStore struct {
	Store
	requests int
}

func (s *countingStore) Do(context.Context, *store.Request) (*store.Answer, error) {
	s.requests++
	return nil, nil
}

// What the store can't hold doesn't get there: it could have replaced the object before it says so.
func TestTagsBeyondTheStoresRoom(t *testing.T) {
	for _, c := range []struct {
		name           string
		room           int
		tags, metadata string
		passes         bool
	}{
		{"no tags", 100, "", strings.Repeat("m", 200), true},
		{"tags and metadata that fit", 100, "a=" + strings.Repeat("v", 40), strings.Repeat("m", 40), true},
		{"together too large", 100, "a=" + strings.Repeat("v", 50), strings.Repeat("m", 50), false},
		{
			"tags that are longer encoded than kept", 100, "a=" + url.QueryEscape(strings.Repeat("ä", 20)),
			strings.Repeat("m", 40), true,
		},
		{"a store that holds all", math.MaxInt, "a=" + strings.Repeat("v", 256), strings.Repeat("m", 2000), true},
		{"a store that wasn't probed", 0, "a=b", "", false},
	} {
		counting := &countingStore{}
		r := &store.Request{Operation: "PutObject", Method: "PUT"}
		if c.tags != "" {
			r.Set(TagsHeader, c.tags)
		}
		if c.metadata != "" {
			r.Set(UserMetadata+"m", c.metadata)
		}
		_, err := (&taggingStore{Store: counting, room: c.room}).Do(t.Context(), r)
		if passed := counting.requests == 1 && err == nil; passed != c.passes || !passed &&
			Translate(err).Code != "InvalidTag" {
			t.Errorf("%s: %d requests, %v", c.name, counting.requests, err)
		}
	}
}
