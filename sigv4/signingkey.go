package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"sync"
)

// terminal ends every credential scope.
const terminal = "aws4_request"

// signingKey is a derived key and the MACs that are keyed with it, ready for use: a pooled MAC costs no allocation
// and saves the two compressions that keying takes. Safe for concurrent use.
type signingKey struct {
	macs   sync.Pool // of hash.Hash
	digest [sha256.Size]byte

	// These belong to the cache's mutex.
	scope        string
	newer, older *signingKey
}

// newSigningKey derives kSigning as AWS's page does.
func newSigningKey(secret string, date, region, service []byte) *signingKey {
	kDate := sum([]byte("AWS4"+secret), date)
	kRegion := sum(kDate, region)
	kService := sum(kRegion, service)
	kSigning := sum(kService, []byte(terminal))
	k := &signingKey{digest: sha256.Sum256([]byte(secret))}
	k.macs.New = func() any { return hmac.New(sha256.New, kSigning) }
	return k
}

func sum(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// sign appends the signature of stringToSign, 64 lower-case hexadecimal digits.
func (k *signingKey) sign(dst, stringToSign []byte) []byte {
	h := k.macs.Get().(hash.Hash)
	h.Reset()
	h.Write(stringToSign)
	at := len(dst)
	dst = h.Sum(dst)
	k.macs.Put(h)
	var mac [sha256.Size]byte
	copy(mac[:], dst[at:])
	return appendHex(dst[:at], mac[:])
}

// keyCache keeps the signing keys used last, bounded in number. A key is found by access key id and scope and then
// only used if it was derived from the very secret that is asked for, so that a changed secret never verifies under
// an old key. Safe for concurrent use; two goroutines that miss at once both derive, and the later one's key stays.
type keyCache struct {
	limit int

	mu             sync.Mutex
	keys           map[string]*signingKey
	newest, oldest *signingKey
}

func newKeyCache(limit int) *keyCache {
	return &keyCache{limit: limit, keys: make(map[string]*signingKey)}
}

// get returns the key for secret and a scope. name is scratch memory.
func (c *keyCache) get(name *[]byte, accessKeyID []byte, secret string, date, region, service []byte) *signingKey {
	n := append((*name)[:0], date...)
	n = append(n, '/')
	n = append(n, region...)
	n = append(n, '/')
	n = append(n, service...)
	n = append(n, '/')
	n = append(n, accessKeyID...) // last, since it alone may hold a slash
	*name = n
	digest := digestOf(secret)

	c.mu.Lock()
	k := c.keys[string(n)]
	if k != nil && subtle.ConstantTimeCompare(k.digest[:], digest[:]) == 1 {
		c.unlink(k)
		c.link(k)
		c.mu.Unlock()
		return k
	}
	c.mu.Unlock()

	k = newSigningKey(secret, date, region, service)
	k.scope = string(n)
	c.mu.Lock()
	if old := c.keys[k.scope]; old != nil {
		c.unlink(old)
	}
	c.keys[k.scope] = k
	c.link(k)
	if len(c.keys) > c.limit {
		delete(c.keys, c.oldest.scope)
		c.unlink(c.oldest)
	}
	c.mu.Unlock()
	return k
}

func (c *keyCache) link(k *signingKey) {
	k.newer, k.older = nil, c.newest
	if c.newest != nil {
		c.newest.newer = k
	} else {
		c.oldest = k
	}
	c.newest = k
}

func (c *keyCache) unlink(k *signingKey) {
	if k.newer != nil {
		k.newer.older = k.older
	} else {
		c.newest = k.older
	}
	if k.older != nil {
		k.older.newer = k.newer
	} else {
		c.oldest = k.newer
	}
	k.newer, k.older = nil, nil
}

// digestOf hashes a secret without letting it escape to the heap.
func digestOf(secret string) [sha256.Size]byte {
	var memory [128]byte // longer secrets cost an allocation
	return sha256.Sum256(append(memory[:0], secret...))
}
