package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// How long temporary credentials may be valid. Source: STS, "DurationSeconds".
const (
	ShortestTemporary = 15 * time.Minute
	LongestTemporary  = 12 * time.Hour
)

// Temporary is what the token of temporary credentials carries: a session of a role.
type Temporary struct {
	Role    string    `json:"r"` // its name
	Name    string    `json:"n"` // RoleSessionName
	Issued  time.Time `json:"i"`
	Expires time.Time `json:"e"`
	// Ended is how often the role's sessions had been ended when this one began: it is over when that is more.
	Ended uint64 `json:"g,omitempty"`
	// Provider is the URL of the issuer whose token let the bearer in; "" when a principal assumed the role.
	Provider string `json:"p,omitempty"`
	// Claims are those that the role's trust asked about: it is asked again when it has changed.
	Claims map[string][]string `json:"c,omitempty"`
	Tags   []Tag               `json:"t,omitempty"`
	Policy string              `json:"s,omitempty"` // the session's own, as JSON; "" for none
	// Through are the sessions through which the role was assumed, the first first: it ends with each of them.
	Through []Temporary `json:"a,omitempty"`
}

// A Tag is a principal tag.
type Tag = struct{ Key, Value string }

// Principal is the name of the role's session where principals have names: in logs, and in records.
func (t *Temporary) Principal() string { return "assumed-role/" + t.Role + "/" + t.Name }

// ErrTooLarge means that a session has so much to carry that its token would be longer than MaxToken.
var ErrTooLarge = errors.New("the session carries too much")

// maxTemporary bounds the JSON, so that the token of a CreateSession on top has room, too.
const maxTemporary = 4000

func (t *Temporary) marshal() ([]byte, error) {
	text, err := json.Marshal(t)
	switch {
	case err != nil:
		return nil, fmt.Errorf("write a role's session: %w", err)
	case len(text) > maxTemporary:
		return nil, fmt.Errorf("%w: %d bytes, of %d", ErrTooLarge, len(text), maxTemporary)
	}
	return text, nil
}

// Packed is how much of what a session may carry it carries, in percent, at least 1.
func (t *Temporary) Packed() int {
	text, err := t.marshal()
	if err != nil {
		return 100
	}
	return max(1, 100*len(text)/maxTemporary)
}

func parseTemporary(text []byte) (*Temporary, bool) {
	t := new(Temporary)
	if json.Unmarshal(text, t) != nil || t.Role == "" || t.Name == "" || t.Expires.IsZero() {
		return nil, false
	}
	return t, true
}

// IssueTemporary makes credentials for t, which are valid until t.Expires. ErrTooLarge means that it carries too much.
func IssueTemporary(ctx context.Context, keys Keys, t *Temporary) (Credentials, error) {
	content, err := t.marshal()
	if err != nil {
		return Credentials{}, err
	}
	return seal(ctx, keys, ofTemporary, content, t.Expires)
}

// OpenTemporary checks a token and returns the role's session with its access key id and secret. As with Open, the rest
// is the caller's: signature, the role itself, and whether its sessions have been ended.
func OpenTemporary(ctx context.Context, keys Keys, token string, now time.Time) (*Temporary, Credentials, error) {
	content, c, err := open(ctx, keys, ofTemporary, token)
	if err != nil {
		return nil, Credentials{}, err
	}
	t, ok := parseTemporary(content)
	if !ok {
		return nil, Credentials{}, ErrMalformed
	}
	c.Expires = t.Expires
	if now.After(t.Expires.Add(Grace)) {
		return t, c, ErrExpired
	}
	return t, c, nil
}
