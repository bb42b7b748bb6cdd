package keyring

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"sealfront/crypto"
)

const (
	// A key is fetched anew when a fifth of its lifetime is left, so that no request waits for it; after a failure
	// again when a twentieth has passed.
	refreshFraction = 5
	retryFraction   = 20

	// Uses of a key within this time of its coming into memory are those of one visit; see table.
	longestVisit = 5 * time.Second
	// As many blobs are kept for sealing as plaintexts, times this.
	sealingFactor = 4
)

// sealingKey says under which bucket key new objects are sealed. It has no secret: the plaintext is the opening
// entry's, so that it expires and comes back like that of any other blob.
type sealingKey struct {
	kmsKey  string
	blob    []byte
	opening entryName
	until   time.Time
	uses    int
	retryAt time.Time // no renewal is begun before
}

func (s *sealingKey) usable(now time.Time, maxUses int) bool {
	return now.Before(s.until) && s.uses < maxUses
}

// shouldRenew says whether to fetch the successor in the background: near the end of its time, or of its uses.
func (s *sealingKey) shouldRenew(now time.Time, options *Options) bool {
	if now.Before(s.retryAt) {
		return false
	}
	ahead := min(options.SealFor/refreshFraction, options.Lifetime)
	return !now.Before(s.until.Add(-ahead)) || s.uses > options.MaxUses-options.MaxUses/10
}

// bucketKey is the plaintext of one bucket key. The secret is written before anybody else sees the entry and wiped when
// it is retired and its last user has left; in between it is only read, so that reading needs no lock.
type bucketKey struct {
	kmsKey string
	bucket string // ARN
	blob   []byte
	secret [crypto.KeySize]byte

	// Under the keyring's mu.
	fetched   time.Time
	uses      int64 // so far
	users     int   // now
	retired   bool  // no longer found by anybody
	expires   time.Time
	refreshAt time.Time
}

// use counts a user in. The keyring's mu is held.
func (b *bucketKey) use(k *Keyring) *Use {
	b.users++
	b.uses++
	return &Use{keyring: k, key: b}
}

// retire is called once nobody can find the entry any more. The keyring's mu is held.
func (b *bucketKey) retire() {
	b.retired = true
	b.wipeIfUnused()
}

func (b *bucketKey) wipeIfUnused() {
	if b.retired && b.users == 0 {
		clear(b.secret[:])
	}
}

// Use is the right to derive wrap keys from one bucket key until Release. The key stays whole that long, whatever
// happens to the entry. A Use belongs to one goroutine.
type Use struct {
	keyring *Keyring
	key     *bucketKey // nil after Release
}

var _ crypto.WrapKeyer = (*Use)(nil)

// WrapKey writes the wrap key for salt to key, which the caller wipes. It returns ErrGone after Release.
func (u *Use) WrapKey(salt *[crypto.SaltSize]byte, key *[crypto.KeySize]byte) error {
	if u.key == nil {
		return ErrGone
	}
	return crypto.DeriveWrapKey(&u.key.secret, salt, key)
}

// Blob returns the KMS ciphertext of the bucket key, for the envelope; nil after Release. It is shared: don't change
// it.
func (u *Use) Blob() []byte {
	if u.key == nil {
		return nil
	}
	return u.key.blob
}

// Release ends the use. It may be called again.
func (u *Use) Release() {
	if u.key == nil {
		return
	}
	k := u.keyring
	k.mu.Lock()
	u.end()
	k.mu.Unlock()
}

// end is the first Release. The keyring's mu is held.
func (u *Use) end() {
	key := u.key
	u.key = nil
	key.users--
	key.wipeIfUnused()
}

// Prepared is a [Ref] that is meant again and again, with what can be computed of it once. It doesn't change and may be
// shared. What it shares with others, and with a Ref that isn't prepared, is what its Ref says, and nothing else.
type Prepared struct {
	ref      Ref
	identity identity
}

// Prepare copies ref, the map too.
func Prepare(ref Ref) *Prepared {
	ref.Context = maps.Clone(ref.Context)
	return &Prepared{ref, ref.identity()}
}

// identity is the hash of all fields of a Ref. It names what new objects are sealed under.
type identity [sha256.Size]byte

// entryName names what opens one blob: which Ref, exactly, and which blob, nearly. The blob's hash is a fast one with a
// seed that nobody outside knows; whoever finds something under the name compares the blob. So a look-up allocates
// nothing, and hashes nothing of the Ref if that is prepared.
type entryName struct {
	ref  identity
	blob uint64 // 0 for none: the call that generates one
}

func (k *Keyring) nameOf(ref identity, blob []byte) entryName {
	return entryName{ref, max(1, k.hashBlob(blob))}
}

// find returns the entry that opens blob for a Ref, nil if there is none. Another blob's entry under the name is as
// good as none; it is replaced when this one's comes. mu is held.
func (k *Keyring) find(name entryName, blob []byte, now time.Time) *bucketKey {
	if key, ok := k.opening.get(name, now); ok && bytes.Equal(key.blob, blob) {
		return key
	}
	return nil
}

// identity hashes every field with its length in front, so that no two different Refs give the same input.
func (r *Ref) identity() identity {
	var memory [1024]byte
	b := appendField(memory[:0], r.BucketARN)
	b = appendField(b, r.KeyARN)
	b = appendField(b, r.Principal)
	if len(r.Context) == 1 { // nearly always; sorting allocates
		for name, value := range r.Context {
			b = appendField(appendField(b, name), value)
		}
		return sha256.Sum256(b)
	}
	names := make([]string, 0, len(r.Context))
	for name := range r.Context {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = appendField(appendField(b, name), r.Context[name])
	}
	return sha256.Sum256(b)
}

func appendField(b []byte, field string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}
