package state

import "time"

// A sessionKey is the secret that a replica issues sessions under. Each replica makes its own and finds those
// of the others by id, so making one needs no agreement.
type sessionKey struct {
	id   [16]byte
	key  []byte // nil: there is no key of this id
	made time.Time
}

const (
	sessionPrefix  = "sessions/"
	sessionKeyLife = 24 * time.Hour // a key issues for a day; credentials outlive it by session.LongestTemporary
	maxSessionKeys = 256
	// unknownLife is how long an id is taken not to exist. A key is written before its first token is
	// given out, so an id that was absent is a forged one; the time only bounds what a forger costs.
	unknownLife = time.Minute
)

type sessionRecord struct {
	Key  []byte    `json:"key"`
	Made time.Time `json:"made"`
}
