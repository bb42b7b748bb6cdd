package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// RewrapReport is Rewrap's report.
type RewrapReport struct {
	Shard     string `json:"shard,omitempty"` // I/N, of whose keys alone the report is
	Objects   int64  `json:"objects"`         // read
	Rewrapped int64  `json:"rewrapped"`       // have a new envelope now
	Gone      int64  `json:"gone"`            // deleted meanwhile, and no longer listed
	// What still depends on older bucket key blobs: objects that failed, by name, with the reason.
	Left []Finding `json:"left"`
	More int64     `json:"more,omitempty"` // of them, beyond the first thousand
	// Keys counts the objects that were rewrapped by the KMS key they are under; an object stays under its KMS key. Other
	// are the keys among them that aren't the bucket's default.
	Keys  map[string]int64 `json:"keys"`
	Other []string         `json:"otherKeys,omitempty"`
	// Depends says what the objects depend on now, including those that failed: a KMS key may be disabled when no object
	// under this or any other prefix, and of any other shard, depends on it.
	Depends []*Dependency `json:"depends"`
	// Uploads in progress stay under the bucket keys they began with; Notes say what else was not checked.
	Uploads []OpenUpload `json:"uploads,omitempty"`
	Notes   []string     `json:"notes,omitempty"`
}

// A Dependency is a KMS key, and the bucket keys under it that objects depend on.
type Dependency struct {
	KMSKey  string `json:"kmsKey"`
	Objects int64  `json:"objects"`
	// OwnBlobs are the objects of a general purpose bucket without a bucket key: each has a blob of its own.
	OwnBlobs int64 `json:"ownBlobs,omitempty"`
	// Blobs counts the others by their bucket key blob's digest, which inspect shows, too; MoreBlobs are beyond the first
	// thousand.
	Blobs     map[string]int64 `json:"blobs,omitempty"`
	MoreBlobs int64            `json:"moreBlobs,omitempty"`
}

// count adds an object to what depends on its KMS key. In a directory bucket an object without a bucket key, a copy,
// shares the blob of others, unless an earlier release made it.
func (r *RewrapReport) count(e *crypto.Envelope, directory bool) {
	if e == nil {
		return // unknown
	}
	i := slices.IndexFunc(r.Depends, func(d *Dependency) bool { return d.KMSKey == e.KeyARN })
	if i < 0 {
		i = len(r.Depends)
		r.Depends = append(r.Depends, &Dependency{KMSKey: e.KeyARN, Blobs: make(map[string]int64)})
	}
	d, digest := r.Depends[i], blobDigest(e.Blob)
	d.Objects++
	switch {
	case !e.BucketKey && !directory:
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

// RewrapOptions are the options of Rewrap.
type RewrapOptions struct {
	WalkOptions
	// KMSKey is the ARN of the KMS key that all objects get, as SSE-KMS; "": each stays under its own. An object has a
	// bucket key if it had one; SSE-S3 objects have one.
	KMSKey string
}

// Rewrap wraps the data key of each object below the target again, under a bucket key that is fresh from the object's
// KMS key, so that after a rotation of the KMS key's material no object depends on the older; or under another KMS key.
// Data, metadata, content headers, storage class and tags stay; date and ETag become those of the store's new version.
// Every object is replaced in one conditional step, so a tool that is killed leaves each with the old envelope or the
// new one, and a concurrent write of a client wins. The installation's keyring must be new, so that its first bucket
// key of each KMS key is. It returns ErrFound when objects failed.
func (in *Installation) Rewrap(ctx context.Context, t Target, o RewrapOptions) (*RewrapReport, error) {
	p, err := in.place(ctx, t.Bucket)
	if err != nil {
		return nil, err
	}
	if !in.Abilities.ConditionalPut {
		return nil, errors.New("the store has no conditional PUT: a concurrent write would be lost, " +
			"so nothing is rewrapped")
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
	if err := in.State.FinishMoves(ctx, p.record, in.Objects.FinishMove); err != nil {
		return nil, err
	}
	before := w.now.Failed
	r := &RewrapReport{Shard: o.Shard.String(), Left: []Finding{}, Keys: map[string]int64{}, Depends: []*Dependency{}}
	left := func(key string, err error) {
		if len(r.Left) == maxLeft {
			r.More++
			return
		}
		r.Left = append(r.Left, finding(Target{t.Bucket, key}, err))
	}
	objects := in.list(p.record.StoreName)
	err = w.run(ctx, objects, t.Key, func(ctx context.Context, e entry) (bool, error) {
		var now *crypto.Envelope
		err := objects.whileListed(ctx, e.key, func() error {
			return retry(func() (err error) {
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
			r.count(now, p.facts.Kind == policy.Directory)
		case errors.Is(err, errGone):
			r.Gone++
		default:
			left(e.key, err)
			r.count(now, p.facts.Kind == policy.Directory)
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
	r.Notes = o.Shard.notes()
	if o.Resume != "" {
		r.Notes = append(r.Notes, "what an earlier run has rewrapped is counted there, not here")
	}
	if err == nil {
		var notes []string
		r.Uploads, notes, err = p.unseen(ctx, t.Key)
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
	if !p.object("").KeyAllowed(policy.SSEKMS, kmsKey) {
		return fmt.Errorf("the bucket doesn't allow the KMS key %s: a directory bucket has its own alone, and a general "+
			"purpose bucket those of kms.allowed_keys, or of its account", kmsKey)
	}
	return nil
}

// rewrap gives one object a new envelope, under kmsKey or with "" under the KMS key that it has. It returns the
// envelope that is in force afterwards: with an error the existing one, nil if there is none that can be read. It has
// the key's claim: no other operation changes the object in several steps meanwhile, and the ETag by which it is
// replaced doesn't repeat.
func (p *place) rewrap(ctx context.Context, key, kmsKey string) (inForce *crypto.Envelope, err error) {
	x := p.object(key)
	x.Operation = policy.UpdateObjectEncryption
	err = x.Claimed(ctx, func(ctx context.Context, _ *state.Claim) error {
		source, err := x.HeadWithTail(ctx)
		if err != nil {
			inForce = envelopeAt(ctx, x)
			return err
		}
		inForce = source.Envelope
		e := source.Encryption()
		if kmsKey != "" {
			e = policy.Encryption{
				SSE: policy.SSEKMS, KeyARN: kmsKey, BucketKey: inForce.BucketKey, Context: inForce.ContextMap(),
			}
		}
		written, err := source.Rewrap(ctx, e, attributesToCopy(source, time.Now()), operator)
		if err != nil {
			return ofRewrap(err)
		}
		inForce = written
		return nil
	}, key)
	return inForce, operatorError(err)
}

// envelopeAt is the envelope of an object that can't be opened; nil if it has none that can be read.
func envelopeAt(ctx context.Context, x *objects.Object) *crypto.Envelope {
	a, s, err := x.HeadIf(ctx, objects.Unconditional)
	if err != nil {
		return nil
	}
	a.Close()
	return s.Envelope
}

// ofRewrap translates the store's refusal to replace an object that was there.
func ofRewrap(err error) error {
	if _, ok := errors.AsType[*policy.Refusal](err); ok {
		return errors.New("it is larger than one copy of the store may be, and the store has no conditional " +
			"CompleteMultipartUpload: write it again")
	}
	switch objects.Translate(err).Code {
	case "PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "NoSuchUpload":
		return errReplaced
	}
	return err
}

// attributesToCopy are the attributes of an object, in addition to its metadata, that the version replacing it gets:
// storage class, redirect, and the Object Lock that protects it. A retention that is over can't be set again, and
// protects nothing.
func attributesToCopy(o *objects.Source, now time.Time) (copied []sigv4.Field) {
	over := true
	for _, f := range o.Attributes {
		if string(f.Name) == objects.LockUntil {
			end, err := time.Parse(time.RFC3339, string(f.Value))
			over = err != nil || !end.After(now)
		}
	}
	for _, f := range o.Attributes {
		if name := string(f.Name); over && (name == objects.LockMode || name == objects.LockUntil) {
			continue
		}
		copied = append(copied, f)
	}
	return copied
}
