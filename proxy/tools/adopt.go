package tools

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// Adoption says which bucket's record is made again.
type Adoption struct {
	Bucket    string
	ARN       string // as the bucket had it when it was made: envelopes are bound to it
	KMSKey    string // ARN: the key a directory bucket is bound to, and the bucket's default
	StoreName string // of the store's bucket
	Account   string // of a general purpose bucket, whose ARN doesn't have it
	Region    string
	Sample    int // objects to try
}

// AdoptionReport is Adopt's report.
type AdoptionReport struct {
	Bucket  string    `json:"bucket"`
	ARN     string    `json:"arn"`
	KMSKey  string    `json:"kmsKey"`
	Sampled int       `json:"sampled"`
	Left    []Finding `json:"left"` // of the sample, what doesn't open
	Made    bool      `json:"made"` // the record was written
	// Uploads that were in progress have lost their records, too; Notes say so, and what other things were not looked at.
	Notes []string `json:"notes,omitempty"`
}

// Adopt makes the lost record of a bucket whose objects are in the store. It writes nothing when there is a record,
// when the store's bucket isn't there, or when one object of the sample doesn't open as the record would have it;
// ErrFound then.
func (in *Installation) Adopt(ctx context.Context, a *Adoption) (*AdoptionReport, error) {
	record, err := a.record()
	if err != nil {
		return nil, err
	}
	if _, err := in.State.FreshBucket(ctx, a.Bucket); !errors.Is(err, state.ErrNoBucket) {
		if err == nil {
			err = fmt.Errorf("the bucket %q has a record", a.Bucket)
		}
		return nil, err
	}
	if err := in.hasBucket(ctx, a.StoreName); err != nil {
		return nil, err
	}
	p := &place{in, in.FactsOf(record), record}
	r := &AdoptionReport{Bucket: a.Bucket, ARN: a.ARN, KMSKey: a.KMSKey, Left: []Finding{}}
	objects := in.list(a.StoreName)
	page, err := objects.page(ctx, "", "", listedAtOnce)
	if err != nil {
		return nil, fmt.Errorf("list the store's bucket: %w", err)
	}
	for _, shown := range page.unknown {
		r.Left = append(r.Left, finding(Target{a.Bucket, shown}, errUnknown))
	}
	keys := page.entries
	step := max(1, len(keys)/max(1, a.Sample))
	for i := 0; i < len(keys) && r.Sampled < a.Sample; i += step {
		err := objects.whileListed(ctx, keys[i].key, func() error {
			return again(func() error { return p.opens(ctx, keys[i].key) })
		})
		if errors.Is(err, errGone) {
			continue
		}
		r.Sampled++
		if err != nil {
			r.Left = append(r.Left, finding(Target{a.Bucket, keys[i].key}, err))
		}
	}
	notes, err := in.unlisted(ctx, a.StoreName)
	if err == nil {
		r.Notes, err = in.storeUploads(ctx, a.StoreName)
	}
	if err != nil {
		return r, err
	}
	r.Notes = append(r.Notes, notes...)
	if len(r.Left) > 0 {
		return r, ErrFound
	}
	_, err = in.State.CreateBucket(ctx, *record, func(context.Context) error { return nil })
	if err != nil {
		return r, fmt.Errorf("write the record of %q: %w", a.Bucket, err)
	}
	r.Made = true
	return r, nil
}

// opens tries whether an object's envelope and trailer open.
func (p *place) opens(ctx context.Context, key string) error {
	source, err := p.object(key).HeadWithTail(ctx)
	if err != nil {
		return inWords(err)
	}
	opened, err := source.Open(ctx, false, operator)
	if err != nil {
		return inWords(err)
	}
	opened.Secrets.Wipe()
	return nil
}

// record is made of the ARN, the name and the key. A policy, tags and another default encryption are lost.
func (a *Adoption) record() (*state.Bucket, error) {
	facts, err := FactsOfARN(a.ARN, a.Account, a.KMSKey)
	if err != nil {
		return nil, err
	}
	if facts.Name != a.Bucket {
		return nil, fmt.Errorf("%w: %s is not the ARN of %q", ErrUsage, a.ARN, a.Bucket)
	}
	fields := strings.Split(a.KMSKey, ":")
	if len(fields) != 6 || fields[2] != "kms" || !strings.HasPrefix(fields[5], "key/") {
		return nil, fmt.Errorf("%w: %q is not the ARN of a KMS key", ErrUsage, a.KMSKey)
	}
	b := &state.Bucket{
		Name: a.Bucket, Directory: facts.Kind == policy.Directory, ARN: a.ARN, Account: facts.Account, Region: facts.Region,
		StoreName: a.StoreName,
		Creator:   "adopt", DefaultKMS: true, DefaultKey: a.KMSKey, KeyAsGiven: a.KMSKey, BucketKey: true,
	}
	if !b.Directory {
		b.Region = a.Region
		return b, nil
	}
	b.BoundKey = a.KMSKey
	name, ok := strings.CutSuffix(a.Bucket, "--x-s3")
	at := strings.LastIndex(name, "--")
	if !ok || at <= 0 {
		return nil, fmt.Errorf("%w: %q is not the name of a directory bucket", ErrUsage, a.Bucket)
	}
	b.Zone = name[at+2:]
	return b, nil
}

func (in *Installation) hasBucket(ctx context.Context, name string) error {
	r := &store.Request{Operation: "HeadBucket", Method: "HEAD", Bucket: name}
	answer, err := in.Store.Do(ctx, r)
	if err != nil {
		return err
	}
	defer answer.Close()
	if f := answer.Fault(r.Operation); f != nil {
		return fmt.Errorf("look for the bucket %q in the store: %w", name, f)
	}
	return nil
}
