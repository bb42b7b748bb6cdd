package keyservice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
)

// Records are where the keys and aliases lie, sealed. Several services, also on several machines, may work on the same
// ones at once. Absence and failed conditions are errors that match fs.ErrNotExist and fs.ErrExist.
//
//	keys/ID          a key: its description, policy, grants, tags and materials
//	aliases/HASH     an alias; HASH is SHA-256 of its name
//
// Nothing is ever removed: what was deleted leaves a record that says so, and holds no material. So a record that has
// gone was lost.
type Records interface {
	// Get returns a record as it is now, and a tag that no other state of it has.
	Get(ctx context.Context, name string) (data []byte, tag string, err error)
	// Put replaces the state of a record that has the tag, or makes the record if tag is "". After any error but
	// fs.ErrExist it may have done so. No two states have the same bytes.
	Put(ctx context.Context, name string, data []byte, tag string) error
	// List calls found for each record whose name begins with prefix, in order.
	List(ctx context.Context, prefix string, found func(name, tag string)) error
}

// A tagger is Records that return a tag at next to no cost: then every use of a key rests on the newest record.
type tagger interface {
	Tag(ctx context.Context, name string) (tag string, err error)
}

// The beginnings of records' names.
const (
	keyPrefix   = "keys/"
	aliasPrefix = "aliases/"
)

// The ways in which records fail.
var (
	// ErrDamaged means that a record was altered, moved, or sealed under another root's key of the same identity.
	ErrDamaged = errors.New("the record was altered, moved, or is of no release that this one knows")
	// ErrRolledBack means that the records' store has brought back an older state of a record, or lost it.
	ErrRolledBack = errors.New("the record is older than it was: its store has lost a change, or brought back an old state")
	// ErrUnknownRoot means that a record is wrapped by a root that isn't configured.
	ErrUnknownRoot = errors.New("the record is wrapped by a root that isn't configured")
	// ErrRoot means that a root couldn't say whether it opens a record.
	ErrRoot = errors.New("the root can't be used")
)

// keyIDForm holds what is looked up as a record: nothing else becomes part of a name.
var keyIDForm = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)

func keyRecord(id string) string { return keyPrefix + id }

// aliasRecord is the record of an alias. Names of aliases differ in case and are longer than those of files may be.
func aliasRecord(name string) string {
	sum := sha256.Sum256([]byte(name))
	return aliasPrefix + hex.EncodeToString(sum[:])
}
