package keyring

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"
)

// KMS is the key management service, as the keyring needs it. Plaintexts that it returns belong to the keyring, which
// wipes them. Implementations must be safe for concurrent use and return when ctx ends.
type KMS interface {
	GenerateDataKey(
		ctx context.Context, keyID string, encryptionContext map[string]string,
	) (plaintext, blob []byte, err error)
	Decrypt(
		ctx context.Context, keyID string, blob []byte, encryptionContext map[string]string,
	) (plaintext []byte, err error)
	DescribeKey(ctx context.Context, keyID string) (arn, state, manager, spec, usage string, err error)
}

// Errors of the keyring's own; those of KMS pass through, wrapped.
var (
	// ErrGone: a Use was used after its Release.
	ErrGone = errors.New("keyring: bucket key is gone")
	// ErrClosed: the keyring has been closed.
	ErrClosed = errors.New("keyring: closed")
	// ErrUnavailable: KMS gave no answer in its own words: the network failed, time ran out, or what came was none of
	// KMS's. The reason is wrapped with it.
	ErrUnavailable = errors.New("keyring: no answer of KMS")
	// ErrBadKey: something isn't a bucket key: KMS answered with other than 32 bytes, with zeros, or a blob is empty.
	ErrBadKey = errors.New("keyring: unusable bucket key")
)

// Ref says which bucket key is meant. Two requests share one only if all fields are equal.
type Ref struct {
	BucketARN string
	KeyARN    string // the KMS key, which the caller has found to be allowed
	// the complete KMS encryption context; not changed by the keyring, nor kept beyond a call of KMS
	Context   map[string]string
	Principal string // empty unless bucket keys are kept apart by principal
}

// Observer is called when something happens, from any goroutine and with no lock held that its functions could need.
// Each may be nil.
type Observer struct {
	Hit   func() // a request was served from memory
	Miss  func() // a request had to wait for KMS
	Saved func() // a request made no KMS call of its own: a hit, or one that shared another's call
	// Evicted: an entry that was still good made room for another: a plaintext, or what a Ref's new objects are sealed
	// under. Many of them say that Options.Entries is too small. It must not call the keyring.
	Evicted func(of Table)
	Call    func(call string, err error, took time.Duration)
}

// Options are the limits of a Keyring. Zero values give the defaults. They don't change after New.
type Options struct {
	SealFor  time.Duration // how long a bucket key seals new objects; default 1 h
	MaxUses  int           // how many it seals at most; default 1,000,000
	Lifetime time.Duration // how long its plaintext stays in memory; default 300 s
	// Entries is how many plaintexts to keep; default 65,536, which take about 70 MB with their buckets' names and
	// blobs. Four times as many blobs are kept to seal new objects under, of buckets in use within SealFor: a bucket
	// whose plaintext had to make room comes back by Decrypt of the same blob, so that readers later find one blob an
	// hour, not one a visit. Full, both take about 190 MB (TestEntriesTakeTheMemoryThatIsSaid).
	Entries  int
	Timeout  time.Duration // of a KMS call; default 30 s
	Now      func() time.Time
	Observer Observer
}

func (o Options) withDefaults() Options {
	setDefault(&o.SealFor, time.Hour)
	setDefault(&o.MaxUses, 1_000_000)
	setDefault(&o.Lifetime, 300*time.Second)
	setDefault(&o.Entries, 65_536)
	setDefault(&o.Timeout, 30*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T int | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

// Keyring keeps bucket keys. It is safe for concurrent use. Close it.
type Keyring struct {
	kms      KMS
	options  Options
	hashBlob func(blob []byte) uint64

	// life ends with Close, and with it all that runs in the background.
	life   context.Context
	end    context.CancelFunc
	ending sync.WaitGroup

	mu      sync.Mutex // all below, and users and retired of every entry; never held during a call of KMS
	closed  bool
	drops   int // so far
	sealing *table[identity, *sealingKey]
	opening *table[entryName, *bucketKey]
	flights map[entryName]*flight
}

// New returns an empty keyring that calls kms.
func New(kms KMS, options Options) *Keyring {
	seed := maphash.MakeSeed()
	k := &Keyring{
		kms: kms, options: options.withDefaults(), flights: make(map[entryName]*flight),
		hashBlob: func(blob []byte) uint64 { return maphash.Bytes(seed, blob) },
	}
	k.life, k.end = context.WithCancel(context.Background())
	visit := min(longestVisit, k.options.Lifetime/refreshFraction)
	k.sealing = newTable[identity](k.options.Entries*sealingFactor, visit, func(*sealingKey) {})
	k.opening = newTable[entryName](k.options.Entries, visit, (*bucketKey).retire)
	k.ending.Go(k.sweep)
	return k
}

// Close ends background work, waits for it and wipes every bucket key, those in use when their last user leaves.
// Requests that wait for KMS get an error.
func (k *Keyring) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.end()
	k.ending.Wait()
	k.DropAll()
}

// Seal returns the bucket key under which new objects of ref are sealed now; it calls KMS for one only if there is
// none. Release the Use. The error is that of KMS, wrapped, or ctx's; it isn't remembered.
func (k *Keyring) Seal(ctx context.Context, ref Ref) (*Use, error) {
	return k.SealPrepared(ctx, &Prepared{ref, ref.identity()})
}

// SealPrepared is Seal for a Ref that has been prepared.
func (k *Keyring) SealPrepared(ctx context.Context, p *Prepared) (*Use, error) {
	for {
		k.mu.Lock()
		now := k.options.Now()
		current, ok := k.sealing.get(p.identity, now)
		if ok && current.usable(now, k.options.MaxUses) {
			current.uses++
			if current.shouldRenew(now, &k.options) {
				current.retryAt = now.Add(k.options.Lifetime / retryFraction)
				_, _ = k.fly(entryName{ref: p.identity}, &p.ref, nil)
			}
			use, err := k.open(ctx, &p.ref, current.opening, current.blob, now)
			if err == nil || ctx.Err() != nil {
				return use, err
			}
			if !lost(err) {
				return nil, err // generating would fail as well, after another wait where KMS is down
			}
			k.forget(p.identity, current)
			continue
		}
		f, err := k.fly(entryName{ref: p.identity}, &p.ref, nil)
		if err != nil {
			k.mu.Unlock()
			return nil, err
		}
		// A key that may seal n objects takes n of those who wait for it; the others need the next one.
		joined := f.waiters < k.options.MaxUses
		if joined {
			f.waiters++
		}
		k.mu.Unlock()
		use, err := k.await(ctx, f, joined)
		if use != nil || err != nil {
			return use, err
		}
	}
}

// Open returns the bucket key that is in blob. KMS is called if it isn't in memory; its answer counts for this ref
// only, so that an object moved to another bucket or context isn't opened by an earlier answer. Release the Use. Errors
// as Seal.
func (k *Keyring) Open(ctx context.Context, ref Ref, blob []byte) (*Use, error) {
	return k.OpenPrepared(ctx, &Prepared{ref, ref.identity()}, blob)
}

// OpenPrepared is Open for a Ref that has been prepared.
func (k *Keyring) OpenPrepared(ctx context.Context, p *Prepared, blob []byte) (*Use, error) {
	if len(blob) == 0 {
		return nil, ErrBadKey
	}
	name := k.nameOf(p.identity, blob)
	k.mu.Lock()
	return k.open(ctx, &p.ref, name, blob, k.options.Now())
}

// open is Open for whoever holds mu; it releases it.
func (k *Keyring) open(ctx context.Context, ref *Ref, name entryName, blob []byte, now time.Time) (*Use, error) {
	if use := k.useInMemory(ref, name, blob, now); use != nil {
		k.mu.Unlock()
		call(k.options.Observer.Hit)
		call(k.options.Observer.Saved)
		return use, nil
	}
	f, err := k.fly(name, ref, blob)
	if err != nil {
		k.mu.Unlock()
		return nil, err
	}
	f.waiters++
	k.mu.Unlock()
	return k.await(ctx, f, true)
}

// useInMemory is open of a plaintext that is in memory, nil if it isn't. One that is near its end is fetched again in
// the background. mu is held.
func (k *Keyring) useInMemory(ref *Ref, name entryName, blob []byte, now time.Time) *Use {
	key := k.find(name, blob, now)
	if key == nil || !now.Before(key.expires) {
		return nil
	}
	if !now.Before(key.refreshAt) {
		key.refreshAt = now.Add(k.options.Lifetime / retryFraction)
		_, _ = k.fly(name, ref, key.blob)
	}
	return key.use(k)
}

// forget makes the next request generate a bucket key.
func (k *Keyring) forget(id identity, sealed *sealingKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now, ok := k.sealing.peek(id); ok && now == sealed {
		k.sealing.remove(id)
	}
}

// Description is what KMS says of a key.
type Description struct{ ARN, State, Manager, Spec, Usage string }

// Describe calls KMS about a key by id, ARN or alias. Nothing is kept.
func (k *Keyring) Describe(ctx context.Context, keyID string) (Description, error) {
	ctx, cancel := context.WithTimeout(ctx, k.options.Timeout)
	defer cancel()
	began := k.options.Now()
	var d Description
	var err error
	d.ARN, d.State, d.Manager, d.Spec, d.Usage, err = k.kms.DescribeKey(ctx, keyID)
	k.observeCall("DescribeKey", err, began)
	if err != nil {
		return Description{}, fmt.Errorf("describe KMS key: %w", answered(err))
	}
	return d, nil
}

// Drop forgets all bucket keys under a KMS key, named by its ARN; the next request calls KMS. Those in use are wiped
// when their last user leaves, and an answer of KMS that is in flight isn't kept.
func (k *Keyring) Drop(kmsKey string) {
	k.drop(func(key string) bool { return key == kmsKey })
}

// DropAll is Drop for every KMS key.
func (k *Keyring) DropAll() {
	k.drop(func(string) bool { return true })
}

func (k *Keyring) drop(concerns func(kmsKey string) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drops++
	k.sealing.removeIf(k.sealing.len(), k.sealing.len(), func(s *sealingKey) bool { return concerns(s.kmsKey) })
	k.opening.removeIf(k.opening.len(), k.opening.len(), func(b *bucketKey) bool { return concerns(b.kmsKey) })
	for id, f := range k.flights {
		if concerns(f.ref.KeyARN) {
			f.dropped = true
			delete(k.flights, id)
		}
	}
}

func call(f func()) {
	if f != nil {
		f()
	}
}
