package keyring

import (
	"time"

	"sealfront/crypto"
)

const (
	// A key is fetched anew when a fifth of its lifetime is left, so that no request waits for it; after a failure
	// again when a twentieth has passed.
	refreshFraction = 5
	retryFraction   = 20
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
	key := u.key
	u.key = nil
	u.keyring.mu.Lock()
	key.users--
	key.wipeIfUnused()
	u.keyring.mu.Unlock()
}
