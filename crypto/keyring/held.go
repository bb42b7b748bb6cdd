package keyring

import (
	"slices"
	"strings"
	"time"
)

// HeldKey is what the keyring reports of a bucket key in its memory: nothing of its bytes.
type HeldKey struct {
	BucketARN string
	KeyARN    string // the KMS key
	Age       time.Duration
	Expires   time.Duration // until its plaintext leaves the memory
	Uses      int64         // since KMS opened it last
}

// Held lists the bucket keys whose plaintext is in memory and can be found, by bucket and KMS key.
func (k *Keyring) Held() []HeldKey {
	now := k.options.Now()
	k.mu.Lock()
	list := make([]HeldKey, 0, k.opening.len())
	k.opening.each(func(_ entryName, key *bucketKey) {
		if now.Before(key.expires) {
			list = append(list, HeldKey{key.bucket, key.kmsKey, now.Sub(key.fetched), key.expires.Sub(now), key.uses})
		}
	})
	k.mu.Unlock()
	slices.SortFunc(list, func(a, b HeldKey) int {
		if c := strings.Compare(a.BucketARN, b.BucketARN); c != 0 {
			return c
		}
		return strings.Compare(a.KeyARN, b.KeyARN)
	})
	return list
}

// A Table is one of the two that a keyring keeps.
type Table int

const (
	Opening Table = iota // plaintexts; at most Options.Entries
	Sealing              // what each Ref's new objects are sealed under; at most four times as many
)

// String returns "opening" or "sealing".
func (t Table) String() string {
	if t == Sealing {
		return "sealing"
	}
	return "opening"
}

// Len returns how many entries a table has.
func (k *Keyring) Len(t Table) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t == Sealing {
		return k.sealing.len()
	}
	return k.opening.len()
}
