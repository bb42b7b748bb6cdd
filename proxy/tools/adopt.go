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
	ARN       string // the bucket's original one: envelopes are bound to it
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
	// Uploads that were in progress have lost their records, too; Notes say so, and what else was not checked.
	Notes []string `json:"notes,omitempty"`
}

// Adopt makes the lost record of a bucket whose objects are in the store. It writes nothing when there is a record,
// when the store's bucket isn't there, or when one object of the sample doesn't open under the new record; it returns
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
	r := &AdoptionReport{Bucket: a.Bucket, ARN: a.ARN, KMSKey: a.KMSKey, Left: []Finding{}}
	keys, err := in.sampleOf(ctx, a, r)
	if err != nil {
		return nil, err
	}
	return r, in.adopt(ctx, record, keys, r)
}

// sampleOf are names of objects of a bucket, from all of it; the report gets the names that can't be decoded.
func (in *Installation) sampleOf(ctx context.Context, a *Adoption, r *AdoptionReport) (keys []string, err error) {
	keys, unknown, err := in.list(a.StoreName).sample(ctx, a.Sample)
	if err != nil {
		return nil, fmt.Errorf("list the store's bucket: %w", err)
	}
	for _, shown := range unknown {
		r.Left = append(r.Left, finding(Target{a.Bucket, shown}, errUnknown))
	}
	return keys, nil
}

// adopt writes a record if all of the sample open under it, and reports what it found.
func (in *Installation) adopt(ctx context.Context, record *state.Bucket, keys []string, r *AdoptionReport) error {
	p := &place{in, in.FactsOf(record), record}
	objects := in.list(record.StoreName)
	for _, key := range keys {
		err := objects.whileListed(ctx, key, func() error {
			return retry(func() error { return p.opens(ctx, key) })
		})
		if errors.Is(err, errGone) {
			continue
		}
		r.Sampled++
		if err != nil {
			r.Left = append(r.Left, finding(Target{record.Name, key}, err))
		}
	}
	notes, err := in.unlisted(ctx, record.StoreName)
	if err == nil {
		r.Notes, err = in.storeUploads(ctx, record.StoreName)
	}
	if err != nil {
		return err
	}
	r.Notes = append(r.Notes, notes...)
	if len(r.Left) > 0 {
		return ErrFound
	}
	_, err = in.State.CreateBucket(ctx, *record, func(context.Context) error { return nil })
	if err != nil {
		return fmt.Errorf("write the record of %q: %w", record.Name, err)
	}
	r.Made = true
	return nil
}

// opens checks that an object's envelope and trailer open.
func (p *place) opens(ctx context.Context, key string) error {
	source, err := p.object(key).HeadWithTail(ctx)
	if err != nil {
		return operatorError(err)
	}
	opened, err := source.Open(ctx, false, operator)
	if err != nil {
		return operatorError(err)
	}
	opened.Secrets.Wipe()
	return nil
}

// record is made of the ARN, the name and the key. A policy, tags and another default encryption are lost.
func (a *Adoption) record() (*state.Bucket, error) {
	b, err := a.bucket()
	if err != nil {
		return nil, err
	}
	fields := strings.Split(a.KMSKey, ":")
	if len(fields) != 6 || fields[2] != "kms" || !strings.HasPrefix(fields[5], "key/") {
		return nil, fmt.Errorf("%w: %q is not the ARN of a KMS key", ErrUsage, a.KMSKey)
	}
	b.DefaultKMS, b.DefaultKey, b.KeyAsGiven, b.BucketKey = true, a.KMSKey, a.KMSKey, true
	if b.Directory {
		b.BoundKey = a.KMSKey
	}
	return b, nil
}

// bucket is a record that is made of the ARN and the name: the bucket has the default encryption of those that were
// never configured.
func (a *Adoption) bucket() (*state.Bucket, error) {
	facts, err := FactsOfARN(a.ARN, a.Account, a.KMSKey)
	if err != nil {
		return nil, err
	}
	if facts.Name != a.Bucket {
		return nil, fmt.Errorf("%w: %s is not the ARN of %q", ErrUsage, a.ARN, a.Bucket)
	}
	b := &state.Bucket{
		Name: a.Bucket, Directory: facts.Kind == policy.Directory, ARN: a.ARN, Account: facts.Account, Region: facts.Region,
		StoreName: a.StoreName, Creator: "adopt",
	}
	if !b.Directory {
		b.Region = a.Region
		return b, nil
	}
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
		return fmt.Errorf("look up the bucket %q in the store: %w", name, f)
	}
	return nil
}
