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
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.options.Now()
	list := []HeldKey{}
	for _, id := range k.opening.Keys() {
		if key, ok := k.opening.Peek(id); ok && now.Before(key.expires) {
			list = append(list, HeldKey{key.bucket, key.kmsKey, now.Sub(key.fetched), key.expires.Sub(now), key.uses})
		}
	}
	slices.SortFunc(list, func(a, b HeldKey) int {
		if c := strings.Compare(a.BucketARN, b.BucketARN); c != 0 {
			return c
		}
		return strings.Compare(a.KeyARN, b.KeyARN)
	})
	return list
}
