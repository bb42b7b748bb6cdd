package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sealfront/crypto"
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
	// Uploads in progress keep the bucket keys they began with; Notes say what else was not looked at.
	Uploads []OpenUpload `json:"uploads,omitempty"`
	Notes   []string     `json:"notes,omitempty"`
}

const maxLeft = 1000

// Rewrap wraps the data key of each object below the target anew, under a bucket key that is fresh from the object's KMS
// key, so that after a rotation of the KMS key's material no object depends on the older. Data, metadata, content headers, storage
// class and tags stay; date and ETag become those of the store's new version. Every object is replaced in one conditional
// step, so a tool that is killed leaves each with the old envelope or the new one, and a client's write that comes between wins.
// The installation's keyring must be new: its first bucket key of each KMS key is. It returns ErrFound when objects are left.
func (in *Installation) Rewrap(ctx context.Context, t Target, o WalkOptions) (*Rewrapped, error) {
	p, err := in.place(ctx, t.Bucket)
	if err != nil {
		return nil, err
	}
	if !in.Abilities.ConditionalPut {
		return nil, errors.New("the store has no conditional PUT: a write that comes between would be lost, so nothing is rewrapped")
	}
	w, err := newWalk("rewrap s3://"+t.Bucket+"/"+t.Key, o)
	if err != nil {
		return nil, err
	}
	before := w.now.Failed
	r := &Rewrapped{Left: []Finding{}, Keys: map[string]int64{}}
	left := func(key string, err error) {
		if len(r.Left) == maxLeft {
			r.More++
			return
		}
		r.Left = append(r.Left, finding(Target{t.Bucket, key}, err))
	}
	objects := in.list(p.storeName)
	err = w.run(ctx, objects, t.Key, func(ctx context.Context, e entry) (bool, error) {
		var kmsKey string
		err := objects.there(ctx, e.key, func() error {
			return again(func() (err error) {
				kmsKey, err = p.rewrap(ctx, e.key)
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
			r.Keys[kmsKey]++
		case errors.Is(err, errGone):
			r.Gone++
		default:
			left(e.key, err)
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
	if err == nil {
		r.Uploads, r.Notes, err = p.beside(ctx, t.Key)
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

// rewrap gives one object a new envelope and returns the KMS key that it is under. It has the key's claim: nobody else changes
// the object in several steps meanwhile, and nothing brings back the ETag by which it is replaced.
func (p *place) rewrap(ctx context.Context, key string) (string, error) {
	claim, err := p.State.Claim(ctx, p.record, "rewrap", key)
	if err != nil {
		return "", err
	}
	defer claim.Release()
	if len(claim.Inherited) > 0 {
		return "", errors.New("a rename of it was interrupted: a running server finishes that within the hour; rewrap it then")
	}
	ctx = claim.Context()
	s, err := p.source(ctx, key)
	if err != nil {
		return "", err
	}
	defer s.wipe()
	e := *s.envelope
	seal := p.Keys.Seal
	if e.SSE == crypto.SSEKMS && !e.BucketKey {
		seal = p.Keys.SealFresh
	}
	use, err := seal(ctx, p.ref(&p.facts, &e))
	if err != nil {
		return "", err
	}
	e.Blob = use.Blob()
	err = e.Wrap(crypto.Place{BucketARN: p.facts.ARN, Key: key}, use, s.secrets)
	use.Release()
	if err != nil {
		return "", fmt.Errorf("wrap its data key: %w", err)
	}
	text := e.AppendText(nil)
	s.header = append(s.header, sigv4.Field{Name: []byte(p.MetadataHeader), Value: text})
	return e.KeyARN, s.replace(ctx, text)
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
// over bytes that it doesn't open.
func (p *place) source(ctx context.Context, key string) (s *source, err error) {
	a, err := p.get(ctx, key, sourceEnd, "")
	var f *store.Fault
	if errors.As(err, &f) && f.Status == http.StatusRequestedRangeNotSatisfiable { // an empty object
		a, err = p.get(ctx, key, -1, "")
	}
	if err != nil {
		return nil, err
	}
	defer a.Close()
	total, end := int64(0), []byte(nil)
	if a.Length > sourceEnd {
		return nil, errReplaced
	}
	if a.Length > 0 {
		if total, err = totalOf(a); err != nil {
			return nil, err
		}
		if end, err = a.Bytes(sourceEnd); err != nil {
			return nil, err
		}
	}
	s = &source{p: p, key: key, etag: string(a.Get("Etag")), text: append([]byte(nil), a.Get(p.MetadataHeader)...)}
	s.tagged = len(a.Get("x-amz-tagging-count")) > 0 && string(a.Get("x-amz-tagging-count")) != "0"
	s.header = keptHeaders(a, p.MetadataHeader)
	e, err := crypto.ParseEnvelopeText(s.text)
	if err != nil {
		return nil, ofFormat("envelope", err)
	}
	secrets, err := p.unlock(ctx, &p.facts, key, e)
	if err != nil {
		return nil, err
	}
	if s.object, err = newObject(e, secrets, total); err != nil {
		return nil, err
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
		return nil, err
	}
	return s, nil
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

// isKept tells by its lower-case name what a store keeps with an object and takes back.
func isKept(name string) bool {
	switch name {
	case "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires", "x-amz-storage-class":
		return true
	}
	return strings.HasPrefix(name, "x-amz-meta-")
}
