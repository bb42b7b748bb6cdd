package keyservice

import (
	"slices"
	"strings"
	"time"
)

// state is everything the service knows. A state that others can see is never changed.
type state struct {
	Keys    map[string]*key   `json:"keys"`    // by id
	Aliases map[string]*alias `json:"aliases"` // by name, alias/…
}

type alias struct {
	ARN     string    `json:"arn"`
	KeyID   string    `json:"keyId"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated,omitzero"` // when it was made to point to another key
}

// newest is the time of the last change that shows.
func (st *state) newest() (t time.Time) {
	for _, k := range st.Keys {
		if k.Created.After(t) {
			t = k.Created
		}
	}
	return t
}

func newState() *state { return &state{Keys: map[string]*key{}, Aliases: map[string]*alias{}} }

// removeDue takes away the keys whose waiting period has ended, with their aliases, and imported material that has
// ended.
func (st *state) removeDue(now time.Time) {
	for id, k := range st.Keys {
		if k.due(now) {
			k.wipe()
			delete(st.Keys, id)
		} else if k.expired(now) {
			k.dropExpired(now)
		}
	}
	for name, a := range st.Aliases {
		if st.Keys[a.KeyID] == nil {
			delete(st.Aliases, name)
		}
	}
}

func (st *state) anyDue(now time.Time) bool {
	for _, k := range st.Keys {
		if k.due(now) || k.rotationDue(now) || k.expired(now) {
			return true
		}
	}
	return false
}

func (k *key) due(now time.Time) bool { return !k.Deletion.IsZero() && !now.Before(k.Deletion) }

// find resolves the four ways to name a key: id, key ARN, alias name, alias ARN. Another account's key is found by its
// ARN only, and another Region's not at all.
func (st *state) find(name string, o *Options) (*key, *Error) {
	resource := name
	if strings.HasPrefix(name, "arn:") {
		fields := strings.SplitN(name, ":", 6)
		if len(fields) != 6 || fields[2] != "kms" {
			return nil, fail("InvalidArnException", "%s is not a valid ARN", name)
		}
		if fields[3] != o.Region && !slices.Contains(o.Earlier, fields[3]) {
			return nil, fail("NotFoundException", "Invalid arn %s", fields[3])
		}
		resource = fields[5]
		if id, isKey := strings.CutPrefix(resource, "key/"); isKey {
			if k := st.Keys[id]; k != nil && k.ARN == name {
				return k, nil
			}
			return nil, fail("NotFoundException", "Key '%s' does not exist", name)
		}
	}
	if strings.HasPrefix(resource, "alias/") {
		a := st.Aliases[resource]
		if a == nil || resource != name && a.ARN != name {
			return nil, fail("NotFoundException", "Alias %s is not found.", name)
		}
		return st.Keys[a.KeyID], nil
	}
	if k := st.Keys[resource]; k != nil && resource == name && !k.Foreign {
		return k, nil
	}
	return nil, fail("NotFoundException", "Invalid keyId '%s'", name)
}

// findByID is for the actions that take no alias.
func (st *state) findByID(name string, o *Options) (*key, *Error) {
	if strings.HasPrefix(name, "alias/") || strings.HasPrefix(name, "arn:") && strings.Contains(name, ":alias/") {
		return nil, fail("NotFoundException", "Invalid keyId '%s'", name)
	}
	return st.find(name, o)
}

// sortedKeys and sortedAliases give listings their order.
func (st *state) sortedKeys() []string {
	ids := make([]string, 0, len(st.Keys))
	for id, k := range st.Keys {
		if !k.Foreign {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (st *state) sortedAliases(keyID string) []string {
	names := make([]string, 0, len(st.Aliases))
	for name, a := range st.Aliases {
		if keyID == "" || a.KeyID == keyID {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// rotateDue carries out the automatic rotations that are due. Of several that a service has slept through, one is left:
// nothing was sealed in between.
func (st *state) rotateDue(now time.Time) {
	for _, k := range st.Keys {
		if !k.rotationDue(now) {
			continue
		}
		due := k.NextRotation
		for !now.Before(k.NextRotation) {
			due, k.NextRotation = k.NextRotation, k.NextRotation.AddDate(0, 0, k.RotationPeriod)
		}
		k.rotate(rotatedAutomatically, due)
	}
}
