package objects

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"net/url"

	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// A taggingStore refuses what makes an object with more tags and metadata than the probe has seen the store hold. Some
// stores find that out once they have replaced the object, and answer 500.
type taggingStore struct {
	Store
	room int // store.Abilities.TagRoom
}

// Do sends the request.
func (s *taggingStore) Do(ctx context.Context, r *store.Request) (*store.Answer, error) {
	if s.room == math.MaxInt {
		return s.Store.Do(ctx, r)
	}
	size, tagged := 0, false
	for i := range r.Header {
		name, value := r.Header[i].Name, r.Header[i].Value
		switch {
		case string(name) == TagsHeader && len(value) > 0:
			tagged = true
			// Decoded, they are what the store keeps.
			plain, err := url.QueryUnescape(string(value))
			if err != nil {
				return nil, s3.Internal(err)
			}
			size += len(plain)
		case bytes.HasPrefix(name, []byte(UserMetadata)):
			size += len(name) - len(UserMetadata) + len(value)
		}
	}
	if tagged && size > s.room {
		return nil, NoRoomForTags(nil)
	}
	return s.Store.Do(ctx, r)
}

// NoRoomForTags is 400, as what is wrong with tags is.
func NoRoomForTags(err error) *s3.Error {
	return s3.Refuse("InvalidTag",
		"The store behind this service has no room for tags of this size beside the object's metadata.").Because(err)
}

// fewTags is what every store holds, in bytes of a Tagging document.
const fewTags = 1024

// OutOfTagRoom reports whether the store's 500 for PutObjectTagging is about the size of the tags: what the object has
// as metadata isn't known here. The tags there were stay.
func (g *Objects) OutOfTagRoom(f *store.Fault, document int) bool {
	return g.o.Abilities.TagRoom != math.MaxInt && document > fewTags &&
		(f.Status == http.StatusInternalServerError || f.Status == http.StatusInsufficientStorage)
}
