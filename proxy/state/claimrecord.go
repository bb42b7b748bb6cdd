package state

import (
	"errors"
	"time"
)

// Outcomes of claims that callers decide by.
var (
	// ErrBusy: another operation holds the key's claim, and went on holding it for as long as a caller waits.
	ErrBusy = errors.New("another operation on this key is in progress")
	// ErrClaimLost is the cause with which a claim's context ends when it could not be renewed: another replica may
	// hold it.
	ErrClaimLost = errors.New("the claim on the key could not be renewed in time")
)

// The times of claims. All are measured by the monotonic clock of whoever measures; no two machines' clocks are
// compared.
const (
	claimAge = 12 * time.Second // unchanged for this long, a claim is taken over
	// claimPatience is how long a caller waits: longer than claimAge, so that a crashed holder's claim is taken over.
	claimPatience = 20 * time.Second

	claimPrefix = "claims/"
)

// claimRecord is what a claim's record says. One that nobody holds stays until SweepClaims: it is taken by If-Match,
// and needs no deletion that could be repeated late and hit another holder's.
type claimRecord struct {
	Holder string `json:"holder,omitempty"` // random, new for each claim; "": nobody
	What   string `json:"what,omitempty"`   // the operation, for whoever reads records by hand
	Beat   int    `json:"beat,omitempty"`   // grows with each renewal
	Move   *Move  `json:"move,omitempty"`
}

// A Move is how far the holder of a key's claim has come in moving its object to another key: from before the copy is
// made until the original is deleted. Whoever takes the claim over after a crash decides by it: with the copy in place
// the original goes, otherwise it stays.
type Move struct {
	From     string `json:"from"` // key, the claimed one
	To       string `json:"to"`
	FromSalt []byte `json:"fromSalt"` // wrap salts of the two envelopes: unlike an ETag, none ever comes back
	ToSalt   []byte `json:"toSalt"`
	ETag     string `json:"etag"` // the store's, of the original
}
