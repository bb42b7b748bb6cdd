package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sealfront/proxy/objects"
	"sealfront/proxy/state"
)

// A Dependent is a bucket with objects under a KMS key, or whose settings name it.
type Dependent struct {
	Bucket  string `json:"bucket"`
	ARN     string `json:"arn"`
	Default bool   `json:"default"` // new objects are under the key
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"storedBytes"` // of these objects, as they are stored
	Uploads int    `json:"uploads"`     // in progress in the bucket, under whichever key; a thousand at most are counted

	Unreadable int64    `json:"unreadable"` // objects without an envelope that can be read: they may depend on the key
	Examples   []string `json:"-"`          // keys of objects that depend on it
	Notes      []string `json:"notes,omitempty"`
}

// Dependents returns the buckets that depend on a KMS key, of those that the program knows, with up to so many examples
// of each. It requests each object's head and needs no key.
func (in *Installation) Dependents(
	ctx context.Context, kmsKey string, examples int, o WalkOptions,
) ([]*Dependent, error) {
	var buckets []*state.Bucket
	err := in.State.Buckets(ctx, func(b *state.Bucket) bool {
		buckets = append(buckets, b)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list the buckets: %w", err)
	}
	var found []*Dependent
	for _, b := range buckets {
		p := &place{in, in.FactsOf(b), b}
		d, err := p.dependent(ctx, kmsKey, examples, o)
		if err != nil {
			return nil, fmt.Errorf("look for objects under the KMS key in %s: %w", b.Name, err)
		}
		if d.Objects > 0 || d.Unreadable > 0 || d.Default {
			found = append(found, d)
		}
	}
	return found, nil
}

func (p *place) dependent(ctx context.Context, kmsKey string, examples int, o WalkOptions) (*Dependent, error) {
	d := &Dependent{
		Bucket: p.record.Name, ARN: p.record.ARN, Default: p.record.DefaultKey == kmsKey || p.record.BoundKey == kmsKey,
	}
	w, err := newWalk("look for "+kmsKey+" in s3://"+p.record.Name+"/", o)
	if err != nil {
		return nil, err
	}
	listed := p.list(p.record.StoreName)
	err = w.run(ctx, listed, "", func(ctx context.Context, e entry) (bool, error) {
		answer, sealed, err := p.object(e.key).HeadIf(ctx, objects.Unconditional)
		if err == nil {
			answer.Close()
		}
		err = operatorError(err)
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case errors.Is(err, errGone):
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil:
			d.Unreadable++
			return true, nil
		case sealed.Envelope.KeyARN == kmsKey:
			d.Objects++
			d.Bytes += sealed.Stored()
			if len(d.Examples) < examples {
				d.Examples = append(d.Examples, e.key)
			}
		}
		return false, nil
	}, func(string) error {
		w.mu.Lock()
		d.Unreadable++
		w.mu.Unlock()
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(d.Examples)
	uploads, notes, err := p.unseen(ctx, "")
	d.Uploads, d.Notes = len(uploads), notes
	return d, err
}

// A TriedRead is an attempt to open an object.
type TriedRead struct {
	URI    string `json:"uri"`
	Failed bool   `json:"failed"` // as KMS refused; false: it opened, or could not be tried
	Answer string `json:"answer"`
}

// TryRead tries to open an object that was under a KMS key which is to open nothing any more. Only an answer of KMS
// counts as a failure: with a store that is away nothing is shown.
func (in *Installation) TryRead(ctx context.Context, t Target) TriedRead {
	p, err := in.place(ctx, t.Bucket)
	if err == nil {
		var f *wholeObject
		if f, err = p.fetch(ctx, t.Key); err == nil {
			f.close()
			return TriedRead{t.URI(), false, "it opens"}
		}
	}
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) && coded.ErrorCode() != "" {
		return TriedRead{t.URI(), true, coded.ErrorCode()}
	}
	return TriedRead{t.URI(), false, "it could not be tried: " + err.Error()}
}
