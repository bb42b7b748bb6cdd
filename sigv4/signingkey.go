package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"sync"
	"sync/atomic"
	"time"
)

// terminal ends every credential scope.
const terminal = "aws4_request"

// signingKey is a derived key and the MACs that are keyed with it, ready for use: a pooled MAC costs no allocation
// and saves the two compressions that keying takes. Safe for concurrent use.
type signingKey struct {
	macs sync.Pool // of hash.Hash

	// What the key is derived from: neither changes.
	name                  string // scope/access key id
	secret                []byte
	scopeSize, regionSize int // of name's parts
	slot                  *atomic.Pointer[signingKey]

	// These belong to the cache's mutex.
	evicted      bool
	newer, older *signingKey
}

// newSigningKey derives kSigning as AWS's page does. scope is date/region/service/aws4_request.
func newSigningKey(secret string, scope []byte) *signingKey {
	date, rest := cut(scope, '/')
	region, rest := cut(rest, '/')
	service, _ := cut(rest, '/')
	kDate := sum([]byte("AWS4"+secret), date)
	kRegion := sum(kDate, region)
	kService := sum(kRegion, service)
	kSigning := sum(kService, []byte(terminal))
	k := &signingKey{secret: []byte(secret), scopeSize: len(scope), regionSize: len(region)}
	k.macs.New = func() any { return hmac.New(sha256.New, kSigning) }
	return k
}

func sum(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// isFor reports whether the key was derived for this access key id and scope, and from this secret.
func (k *signingKey) isFor(accessKeyID, scope []byte, secret string) bool {
	slash := len(scope)
	return len(k.name) == slash+1+len(accessKeyID) && k.name[:slash] == string(scope) && k.name[slash] == '/' &&
		k.name[slash+1:] == string(accessKeyID) && k.isFrom(secret)
}

func (k *signingKey) isFrom(secret string) bool {
	// no copy: the compiler sees that nothing writes to it
	return subtle.ConstantTimeCompare(k.secret, []byte(secret)) == 1
}

// sign appends the signature of stringToSign, 64 lower-case hexadecimal digits.
func (k *signingKey) sign(dst, stringToSign []byte) []byte {
	h := k.macs.Get().(hash.Hash)
	h.Reset()
	h.Write(stringToSign)
	at := len(dst)
	dst = h.Sum(dst)
	k.macs.Put(h)
	return appendHex(dst[:at], (*[sha256.Size]byte)(dst[at:]))
}

// keyCache keeps the signing keys used last, bounded in number. A key is found by access key id and scope and then
// only used if it was derived from the very secret that is given, so that a changed secret never verifies under
// an old key. Safe for concurrent use; two goroutines that miss at once both derive, and the later one's key stays.
type keyCache struct {
	limit int

	// These are written under mu. recent holds keys of the cache by what a Credential begins with.
	newest atomic.Pointer[signingKey]
	recent [recentKeys]atomic.Pointer[signingKey]

	mu     sync.Mutex
	keys   map[string]*signingKey
	oldest *signingKey
}

func newKeyCache(limit int) *keyCache {
	return &keyCache{limit: limit, keys: make(map[string]*signingKey)}
}

const recentKeys = 1 << 8

// slotOf returns the place in recent for a Credential.
func (c *keyCache) slotOf(credential []byte) *atomic.Pointer[signingKey] {
	h := uint64(len(credential))
	if len(credential) >= 20 { // shorter than that none is
		const odd, odder = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f
		h = (h+binary.LittleEndian.Uint64(credential))*odd + binary.LittleEndian.Uint64(credential[8:])
		h = h*odder + uint64(binary.LittleEndian.Uint32(credential[16:]))
		h *= odd
	}
	return &c.recent[h>>(64-8)%recentKeys]
}

// use makes k, which was found in recent, the key used last.
func (c *keyCache) use(k *signingKey) {
	if c.newest.Load() == k {
		return
	}
	c.mu.Lock()
	if !k.evicted { // meanwhile
		c.unlink(k)
		c.link(k)
	}
	c.mu.Unlock()
}

// get returns the key for secret and a scope. name is scratch memory. The key used last is found without the mutex.
func (c *keyCache) get(name *[]byte, accessKeyID []byte, secret string, scope []byte) *signingKey {
	if k := c.newest.Load(); k != nil && k.isFor(accessKeyID, scope, secret) {
		return k
	}
	n := append((*name)[:0], scope...)
	n = append(n, '/')
	n = append(n, accessKeyID...) // last, since it alone may hold a slash
	*name = n

	c.mu.Lock()
	k := c.keys[string(n)]
	if k != nil && k.isFrom(secret) {
		c.unlink(k)
		c.link(k)
		k.slot.Store(k)
		c.mu.Unlock()
		return k
	}
	c.mu.Unlock()

	k = newSigningKey(secret, scope)
	k.name = string(n)
	k.slot = c.slotOf([]byte(string(accessKeyID) + "/" + string(scope)))
	c.mu.Lock()
	if old := c.keys[k.name]; old != nil {
		c.evict(old)
	}
	c.keys[k.name] = k
	c.link(k)
	k.slot.Store(k)
	if len(c.keys) > c.limit {
		c.evict(c.oldest)
	}
	c.mu.Unlock()
	return k
}

func (c *keyCache) evict(k *signingKey) {
	delete(c.keys, k.name)
	c.unlink(k)
	k.evicted = true
	k.slot.CompareAndSwap(k, nil)
}

func (c *keyCache) link(k *signingKey) {
	newest := c.newest.Load()
	k.newer, k.older = nil, newest
	if newest != nil {
		newest.newer = k
	} else {
		c.oldest = k
	}
	c.newest.Store(k)
}

func (c *keyCache) unlink(k *signingKey) {
	if k.newer != nil {
		k.newer.older = k.older
	} else {
		c.newest.Store(k.older)
	}
	if k.older != nil {
		k.older.newer = k.newer
	} else {
		c.oldest = k.newer
	}
	k.newer, k.older = nil, nil
}

const (
	maxSkew    = 15 * time.Minute
	maxExpires = 7 * 24 * time.Hour
	iso8601    = "2006-01-02T15:04:05Z"
)

// AppendTimestamp appends t as X-Amz-Date wants it, yyyyMMdd'T'HHmmss'Z' in UTC: 16 bytes.
func AppendTimestamp(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return append(dst, digit(year/1000), digit(year/100), digit(year/10), digit(year), digit(int(month)/10),
		digit(int(month)),
		digit(day/10), digit(day), 'T', digit(hour/10), digit(hour), digit(minute/10), digit(minute),
		digit(second/10), digit(second), 'Z')
}

func digit(n int) byte { return byte('0' + n%10) }

// parseTimestamp reads yyyyMMdd'T'HHmmss'Z'; a date that doesn't exist is none.
func parseTimestamp(s []byte) (time.Time, bool) {
	if len(s) != 16 || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	var pairs [7]int // century, year in it, month, day, hour, minute, second
	for i := range pairs {
		at := 2 * i
		if i > 3 {
			at++ // after the T
		}
		tens, ones := s[at]-'0', s[at+1]-'0'
		if tens > 9 || ones > 9 {
			return time.Time{}, false
		}
		pairs[i] = int(tens)*10 + int(ones)
	}
	year, month, day, hour, minute, second := pairs[0]*100+pairs[1], pairs[2], pairs[3], pairs[4], pairs[5], pairs[6]
	if month < 1 || month > 12 || day == 0 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t, day <= 28 || t.Day() == day // time.Date makes 1 March of 30 February
}

// parseDate reads the Date header: RFC 1123, or ISO 8601 basic as x-amz-date.
func parseDate(s []byte) (time.Time, bool) {
	if t, ok := parseTimestamp(s); ok {
		return t, true
	}
	if len(s) > 40 {
		return time.Time{}, false
	}
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC1123Z} {
		if t, err := time.Parse(layout, string(s)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func digits(s []byte) (n int, ok bool) {
	for _, b := range s {
		if b-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(b-'0')
	}
	return n, true
}

// isDate reports whether s has the form yyyyMMdd.
func isDate(s []byte) bool {
	_, ok := digits(s)
	return ok && len(s) == 8
}
