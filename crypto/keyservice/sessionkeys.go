package keyservice

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"slices"
	"time"
)

// SessionKeys are keys for the tokens of temporary credentials, which every service over the same records has. They are
// derived from the materials of a key that nobody may use, alias/aws/sts: it lies with the others, and rotates by
// itself once a year. Like them it works only while it is warm or its root is there.
type SessionKeys struct {
	service *Service
	missed  time.Time // when an id was looked up last that isn't known, under the service's mu
}

// SessionKeys returns those of the service's records.
func (s *Service) SessionKeys() *SessionKeys { return &SessionKeys{service: s} }

const sessionsAlias = "alias/aws/sts"

// missPause is how long an id that isn't known is taken as that, without reading the record anew.
const missPause = time.Second

// Current returns the key that new tokens use, and makes the first one. The key is the caller's.
func (k *SessionKeys) Current(ctx context.Context) (id [16]byte, key []byte, err error) {
	c := &call{Service: k.service, ctx: ctx}
	defer c.end()
	if err := c.makeManagedKey(sessionsAlias, "Seals the temporary credentials of roles",
		usualRotationPeriod); err != nil {
		return id, nil, err
	}
	st, err := c.view(c.o.Freshness, sessionsAlias)
	if err != nil {
		return id, nil, err
	}
	found, failure := st.find(sessionsAlias, &c.o)
	if failure != nil {
		return id, nil, failure
	}
	return deriveSession(found.Material)
}

// Find returns the key with this id. One that another service has made a moment ago is found as well.
func (k *SessionKeys) Find(ctx context.Context, id [16]byte) (key []byte, ok bool, err error) {
	key, err = k.find(ctx, id, k.service.o.Freshness)
	if key != nil || err != nil {
		return key, key != nil, err
	}
	s := k.service
	now := s.o.Now()
	s.mu.Lock()
	again := now.Sub(k.missed) >= missPause
	if again {
		k.missed = now
	}
	s.mu.Unlock()
	if again {
		key, err = k.find(ctx, id, 0)
	}
	return key, key != nil, err
}

func (k *SessionKeys) find(ctx context.Context, id [16]byte, maxAge time.Duration) ([]byte, error) {
	c := &call{Service: k.service, ctx: ctx}
	defer c.end()
	st, err := c.view(maxAge, sessionsAlias)
	if err != nil || st.Aliases[sessionsAlias] == nil {
		return nil, err
	}
	found := st.Keys[st.Aliases[sessionsAlias].KeyID]
	if found == nil { // the store shows the alias without its key
		return nil, nil
	}
	for _, material := range slices.Concat([][]byte{found.Material}, found.Former) {
		other, key, err := deriveSession(material)
		if err != nil {
			return nil, err
		}
		if other == id {
			return key, nil
		}
		clear(key)
	}
	return nil, nil
}

// deriveSession derives a session key and its id from material, which is uniform.
func deriveSession(material []byte) (id [16]byte, key []byte, err error) {
	const idSize = len(id)
	derived, err := hkdf.Expand(sha256.New, material, "sealfront kms session key 1", idSize+materialSize)
	if err != nil {
		return id, nil, err
	}
	return [16]byte(derived[:idSize]), derived[idSize:], nil
}
