package tools

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// Rewrapped is Rewrap's report.
type Rewrapped struct {
	Objects   int64 `json:"objects"`   // looked at
	Rewrapped int64 `json:"rewrapped"` // have a new envelope now
	Gone      int64 `json:"gone"`      // deleted meanwhile, and not listed any more
	// What still depends on older bucket key blobs: objects that failed, by name, with the reason.
	Left []Finding `json:"left"`
	More int64     `json:"more,omitempty"` // of them, beyond the first thousand
	// Keys counts the objects that were rewrapped by the KMS key they are under; an object keeps its KMS key. Other are the
	// keys among them that aren't the bucket's default.
	Keys  map[string]int64 `json:"keys"`
	Other []string         `json:"otherKeys,omitempty"`
	// Depends says what the objects that were looked at depend on now, those that failed as they were found: a KMS key may be
	// disabled when nothing under this prefix, and no other, depends on it.
	Depends []*Dependency `json:"depends"`
	// Uploads in progress keep the bucket keys they began with; Notes say what else was not looked at.
	Uploads []OpenUpload `json:"uploads,omitempty"`
	Notes   []string     `json:"notes,omitempty"`
}

// A Dependency is a KMS key, and what of it objects depend on.
type Dependency struct {
	KMSKey  string `json:"kmsKey"`
	Objects int64  `json:"objects"`
	// OwnBlobs are the objects without a bucket key: each has a blob of its own.
	OwnBlobs int64 `json:"ownBlobs,omitempty"`
	// Blobs counts the others by their bucket key blob's digest, which inspect shows, too; MoreBlobs are beyond the first thousand.
	Blobs     map[string]int64 `json:"blobs,omitempty"`
	MoreBlobs int64            `json:"moreBlobs,omitempty"`
}

// count adds an object to what depends on its KMS key.
func (r *Rewrapped) count(e *crypto.Envelope) {
	if e == nil {
		return // nobody knows
	}
	i := slices.IndexFunc(r.Depends, func(d *Dependency) bool { return d.KMSKey == e.KeyARN })
	if i < 0 {
		i = len(r.Depends)
		r.Depends = append(r.Depends, &Dependency{KMSKey: e.KeyARN, Blobs: make(map[string]int64)})
	}
	d, digest := r.Depends[i], blobDigest(e.Blob)
	d.Objects++
	switch {
	case !e.BucketKey:
		d.OwnBlobs++
	case d.Blobs[digest] > 0 || len(d.Blobs) < maxLeft:
		d.Blobs[digest]++
	default:
		d.MoreBlobs++
	}
}

// blobDigest names a bucket key blob: the beginning of its SHA-256. The blob is no secret, and lies in each envelope.
func blobDigest(blob []byte) string {
	sum := sha256.Sum256(blob)
	return hex.EncodeToString(sum[:8])
}

const maxLeft = 1000

// RewrapOptions say how Rewrap goes about it.
type RewrapOptions struct {
	WalkOptions
	// KMSKey is the ARN of the KMS key that all objects are to be under, as SSE-KMS; "": each stays under its own. Whether a bucket
	// key stands between them stays as it is; SSE-S3 objects have one.
	KMSKey string
}

// Rewrap wraps the data key of each object below the target anew, under a bucket key that is fresh from the object's KMS
// key, so that after a rotation of the KMS key's material no object depends on the older; or under another KMS key. Data, metadata, content headers, storage
// class and tags stay; date and ETag become those of the store's new version. Every object is replaced in one conditional
// step, so a tool that is killed leaves each with the old envelope or the new one, and a client's write that comes between wins.
// The installation's keyring must be new: its first bucket key of each KMS key is. It returns ErrFound when objects are left.
func (in *Installation) Rewrap(ctx context.Context, t Target, o RewrapOptions) (*Rewrapped, error) {
	p, err := in.place(ctx, t.Bucket)
	if err != nil {
		return nil, err
	}
	if !in.Abilities.ConditionalPut {
		return nil, errors.New("the store has no conditional PUT: a write that comes between would be lost, so nothing is rewrapped")
	}
	name := "rewrap s3://" + t.Bucket + "/" + t.Key
	if o.KMSKey != "" {
		if err := p.mayMove(o.KMSKey); err != nil {
			return nil, err
		}
		name += " to " + o.KMSKey
	}
	w, err := newWalk(name, o.WalkOptions)
	if err != nil {
		return nil, err
	}
	before := w.now.Failed
	r := &Rewrapped{Left: []Finding{}, Keys: map[string]int64{}, Depends: []*Dependency{}}
	left := func(key string, err error) {
		if len(r.Left) == maxLeft {
			r.More++
			return
		}
		r.Left = append(r.Left, finding(Target{t.Bucket, key}, err))
	}
	objects := in.list(p.storeName)
	err = w.run(ctx, objects, t.Key, func(ctx context.Context, e entry) (bool, error) {
		var now *crypto.Envelope
		err := objects.there(ctx, e.key, func() error {
			return again(func() (err error) {
				now, err = p.rewrap(ctx, e.key, o.KMSKey)
				return err
			})
		})
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case err == nil:
			r.Rewrapped++
			r.Keys[now.KeyARN]++
			r.count(now)
		case errors.Is(err, errGone):
			r.Gone++
		default:
			left(e.key, err)
			r.count(now)
			return true, nil
		}
		return false, nil
	}, func(shown string) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		left(shown, errUnknown)
		return nil
	})
	r.Objects = w.now.Done
	for key := range r.Keys {
		if key != in.defaultKey(p.record) {
			r.Other = append(r.Other, key)
		}
	}
	if o.Resume != "" {
		r.Notes = append(r.Notes, "what an earlier run has rewrapped is counted there, not here")
	}
	if err == nil {
		var notes []string
		r.Uploads, notes, err = p.beside(ctx, t.Key)
		r.Notes = append(r.Notes, notes...)
	}
	if err == nil && before+int64(len(r.Left))+r.More > 0 {
		err = ErrFound
	}
	return r, err
}

func (in *Installation) defaultKey(b *state.Bucket) string {
	if b.DefaultKMS {
		return b.DefaultKey
	}
	return in.ServiceKey
}

// mayMove refuses a KMS key that the bucket's objects can't be under.
func (p *place) mayMove(kmsKey string) error {
	if policy.CheckKMSKey(kmsKey) != nil {
		return fmt.Errorf("%w: --kms-key must be the ARN of a KMS key", ErrUsage)
	}
	if !policy.KeyAllowed(&p.facts, policy.SSEKMS, kmsKey, &policy.Options{AllowedKeys: p.AllowedKeys, ServiceKey: p.ServiceKey}) {
		return fmt.Errorf("the bucket doesn't allow the KMS key %s: a directory bucket has its own alone, and a general purpose bucket those of kms.allowed_keys, or of its account", kmsKey)
	}
	return nil
}

// rewrap gives one object a new envelope, under kmsKey or with "" under the KMS key that it has. It returns the envelope that is in force
// afterwards: with an error that of the object as it was found, nil if there is none that can be read. It has the key's claim: nobody else changes
// the object in several steps meanwhile, and nothing brings back the ETag by which it is replaced.
func (p *place) rewrap(ctx context.Context, key, kmsKey string) (*crypto.Envelope, error) {
	claim, err := p.State.Claim(ctx, p.record, "rewrap", key)
	if err != nil {
		return nil, err
	}
	defer claim.Release()
	if len(claim.Inherited) > 0 {
		return nil, errors.New("a rename of it was interrupted: a running server finishes that within the hour; rewrap it then")
	}
	ctx = claim.Context()
	s, found, err := p.source(ctx, key)
	if err != nil {
		return found, err
	}
	defer s.wipe()
	e := *s.envelope
	if kmsKey != "" {
		e.SSE, e.KeyARN = crypto.SSEKMS, kmsKey
	}
	seal := p.Keys.Seal
	if e.SSE == crypto.SSEKMS && !e.BucketKey {
		seal = p.Keys.SealFresh
	}
	use, err := seal(ctx, p.ref(&p.facts, &e))
	if err != nil {
		return found, err
	}
	e.Blob = use.Blob()
	err = e.Wrap(crypto.Place{BucketARN: p.facts.ARN, Key: key}, use, s.secrets)
	use.Release()
	if err != nil {
		return found, fmt.Errorf("wrap its data key: %w", err)
	}
	text := e.AppendText(nil)
	s.header = append(s.header, sigv4.Field{Name: []byte(p.MetadataHeader), Value: text})
	if err := s.replace(ctx, text); err != nil {
		return found, err
	}
	return &e, nil
}

// source is an object whose envelope and end have been opened and found to belong together.
type source struct {
	*object
	p      *place
	key    string
	etag   string
	text   []byte        // its envelope
	header []sigv4.Field // all else that the store keeps with it
	tagged bool
}

// sourceEnd is how much of an object's end comes with its metadata.
const sourceEnd = 4096

// source reads metadata and end in one answer: metadata of one version with the ETag of another would put an envelope
// over bytes that it doesn't open. found is the envelope, also when the object can't be opened.
func (p *place) source(ctx context.Context, key string) (s *source, found *crypto.Envelope, err error) {
	a, err := p.get(ctx, key, sourceEnd, "")
	var f *store.Fault
	if errors.As(err, &f) && f.Status == http.StatusRequestedRangeNotSatisfiable { // an empty object
		a, err = p.get(ctx, key, -1, "")
	}
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	total, end := int64(0), []byte(nil)
	if a.Length > sourceEnd {
		return nil, nil, errReplaced
	}
	if a.Length > 0 {
		if total, err = totalOf(a); err != nil {
			return nil, nil, err
		}
		if end, err = a.Bytes(sourceEnd); err != nil {
			return nil, nil, err
		}
	}
	s = &source{p: p, key: key, etag: string(a.Get("Etag")), text: append([]byte(nil), a.Get(p.MetadataHeader)...)}
	s.tagged = len(a.Get("x-amz-tagging-count")) > 0 && string(a.Get("x-amz-tagging-count")) != "0"
	s.header = append(keptHeaders(a, p.MetadataHeader), keptLock(a, time.Now())...)
	e, err := crypto.ParseEnvelopeText(s.text)
	if err != nil {
		return nil, nil, ofFormat("envelope", err)
	}
	secrets, err := p.unlock(ctx, &p.facts, key, e)
	if err != nil {
		return nil, e, err
	}
	if s.object, err = newObject(e, secrets, total); err != nil {
		return nil, e, err
	}
	read := p.end(ctx, key, s.etag, s.text)
	err = s.readTrailer(func(n int64) ([]byte, error) {
		if n = min(n, total); n <= int64(len(end)) {
			return bytes.Clone(end[int64(len(end))-n:]), nil
		}
		return read(n)
	})
	if err != nil {
		s.wipe()
		return nil, e, err
	}
	return s, e, nil
}

// totalOf is the stored size of which an answer has a range, or all.
func totalOf(a *store.Answer) (int64, error) {
	if a.Status != http.StatusPartialContent {
		return a.Length, nil
	}
	var first, last, total int64
	if _, err := fmt.Sscanf(string(a.Get("Content-Range")), "bytes %d-%d/%d", &first, &last, &total); err != nil || last != total-1 || last-first+1 != a.Length {
		return 0, fmt.Errorf("the store answered 206 with Content-Range %q", a.Get("Content-Range"))
	}
	return total, nil
}

// keptHeaders are what a store keeps with an object and takes back: all but the one that holds the envelope.
func keptHeaders(a *store.Answer, envelope string) []sigv4.Field {
	var kept []sigv4.Field
	a.Header(func(name, value []byte) bool {
		lower := strings.ToLower(string(name))
		if lower == envelope || !isKept(lower) {
			return true
		}
		kept = append(kept, sigv4.Field{Name: []byte(lower), Value: append([]byte(nil), value...)})
		return true
	})
	return kept
}

// keptLock is the Object Lock that protects an object, for the version that takes its place. A retention that is over can't be set
// again, and protects nothing.
func keptLock(a *store.Answer, now time.Time) (kept []sigv4.Field) {
	mode, until, hold := lockPrefix+"mode", lockPrefix+"retain-until-date", lockPrefix+"legal-hold"
	if end, err := time.Parse(time.RFC3339, string(a.Get(until))); err == nil && end.After(now) {
		kept = append(kept, field(mode, string(a.Get(mode))), field(until, string(a.Get(until))))
	}
	if v := string(a.Get(hold)); v != "" {
		kept = append(kept, field(hold, v))
	}
	return kept
}

// isKept tells by its lower-case name what a store keeps with an object and takes back.
func isKept(name string) bool {
	switch name {
	case "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires", "x-amz-storage-class":
		return true
	}
	return strings.HasPrefix(name, "x-amz-meta-")
}
