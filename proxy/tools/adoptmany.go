package tools

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// Adoptions say whose records are made again, many at once. What a record says is not given, as Adoption's is: it is
// what the bucket's objects show, so that a bucket whose objects don't show it is refused.
type Adoptions struct {
	Names   []string // of buckets, as clients know them; empty: all of the store whose names begin with Prefix
	Prefix  string   // of the names of the store's buckets
	Account string   // of the configuration, as it was when the buckets were made
	Region  string
	Sample  int                         // objects of each bucket to try; at least 1
	Report  func(*AdoptionOfMany) error // of each bucket, once it is done; not called twice at a time
}

// The outcomes of a bucket that is adopted with others.
const (
	Adopted = "adopted" // its record was written
	Kept    = "kept"    // it has a record, which stays as it is
	Refused = "refused" // what was found doesn't allow a record; Why says what
	Failed  = "failed"  // the store or the key service didn't answer: run again
)

// An AdoptionOfMany is the report on one bucket.
type AdoptionOfMany struct {
	Outcome string `json:"outcome"`
	Why     string `json:"why,omitempty"`
	// Encryption is the default of the record: how all of the sample are sealed. KMSKey is empty with AES256.
	Encryption string `json:"encryption,omitempty"`
	AdoptionReport
}

// AdoptionsReport is AdoptMany's summary.
type AdoptionsReport struct {
	Adopted int      `json:"adopted"`
	Kept    int      `json:"kept"`
	Refused []string `json:"refused"` // names
	Failed  []string `json:"failed"`
}

// ErrNotAdopted is returned when a bucket has no record afterwards.
var ErrNotAdopted = errors.New("not all buckets have a record: the report says which, and why")

// adoptedAtOnce is how many buckets are looked at at the same time.
const adoptedAtOnce = 8

// AdoptMany makes the lost records of many buckets. Each record is written by itself, once a sample of the bucket's
// objects has opened under it, so that a run which is interrupted, or in which some bucket was refused, is repeated as
// it was. It returns ErrNotAdopted when a bucket has no record afterwards.
func (in *Installation) AdoptMany(ctx context.Context, a *Adoptions) (*AdoptionsReport, error) {
	names := slices.Clone(a.Names)
	if len(names) == 0 {
		var err error
		if names, err = in.storeBuckets(ctx, a.Prefix); err != nil {
			return nil, fmt.Errorf("list the store's buckets: %w", err)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	total := &AdoptionsReport{Refused: []string{}, Failed: []string{}}
	var mu sync.Mutex
	var reporting error
	var workers sync.WaitGroup
	next := make(chan string)
	for range min(adoptedAtOnce, len(names)) {
		workers.Go(func() {
			for name := range next {
				r := in.adoptOne(ctx, a, name)
				mu.Lock()
				total.add(r)
				if err := a.Report(r); err != nil && reporting == nil {
					reporting = err
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		next <- name
	}
	close(next)
	workers.Wait()
	slices.Sort(total.Refused)
	slices.Sort(total.Failed)
	switch {
	case reporting != nil:
		return total, reporting
	case len(total.Refused)+len(total.Failed) > 0:
		return total, ErrNotAdopted
	}
	return total, nil
}

func (r *AdoptionsReport) add(b *AdoptionOfMany) {
	switch b.Outcome {
	case Adopted:
		r.Adopted++
	case Kept:
		r.Kept++
	case Refused:
		r.Refused = append(r.Refused, b.Bucket)
	default:
		r.Failed = append(r.Failed, b.Bucket)
	}
}

// A refusal says why a bucket gets no record.
type refusal string

func (r refusal) Error() string { return string(r) }

// adoptOne adopts a bucket by what its objects show.
func (in *Installation) adoptOne(ctx context.Context, a *Adoptions, name string) *AdoptionOfMany {
	r := &AdoptionOfMany{Outcome: Adopted, AdoptionReport: AdoptionReport{Bucket: name, Left: []Finding{}}}
	err := in.adoptShown(ctx, a, r)
	switch why := refusal(""); {
	case err == nil:
	case errors.Is(err, state.ErrBucketExists):
		r.Outcome = Kept
	case errors.As(err, &why):
		r.Outcome, r.Why = Refused, why.Error()
	case errors.Is(err, ErrFound):
		r.Outcome, r.Why = outcomeOf(r.Left)
	default:
		r.Outcome, r.Why = Failed, err.Error()
	}
	return r
}

// outcomeOf says what becomes of a bucket some of whose sample don't open: it is refused for what is wrong with them,
// and has failed if none could be checked.
func outcomeOf(left []Finding) (outcome, why string) {
	unchecked, foreign := 0, 0
	for i := range left {
		switch {
		case left[i].State == "unchecked":
			unchecked++
		case left[i].Kind == "not-sealed":
			foreign++
		}
	}
	switch {
	case unchecked == len(left):
		return Failed, "objects of the sample could not be checked: see left, and run again"
	case foreign > 0:
		return Refused,
			fmt.Sprintf("%d objects of the sample aren't sealed: a sealed bucket holds sealed objects only", foreign)
	}
	return Refused, "objects of the sample don't open as this bucket's: see left"
}

// adoptShown makes the record of a bucket if its objects show what it says.
func (in *Installation) adoptShown(ctx context.Context, a *Adoptions, r *AdoptionOfMany) error {
	if _, err := in.State.FreshBucket(ctx, r.Bucket); !errors.Is(err, state.ErrNoBucket) {
		if err == nil {
			err = state.ErrBucketExists
		}
		return err
	}
	r.ARN = policy.BucketARN(r.Bucket, a.Region, a.Account)
	one := &Adoption{
		Bucket: r.Bucket, ARN: r.ARN, StoreName: a.Prefix + r.Bucket, Account: a.Account, Region: a.Region, Sample: a.Sample,
	}
	if err := in.hasBucket(ctx, one.StoreName); err != nil {
		if f, ok := asFault(err); ok && f.Status == 404 {
			return refusal("the store has no bucket " + one.StoreName)
		}
		return err
	}
	record, err := one.bucket()
	if err != nil {
		return refusal(err.Error())
	}
	keys, err := in.sampleOf(ctx, one, &r.AdoptionReport)
	if err != nil {
		return err
	}
	if len(keys) == 0 && len(r.Left) == 0 {
		return refusal("it has no objects, so that nothing shows whose it is: if it was a bucket of this installation's, " +
			"create it again by a client, or adopt it by itself, with --arn and --kms-key")
	}
	if err := in.readDefault(ctx, record, keys); err != nil {
		return err
	}
	r.Encryption = "AES256"
	if record.DefaultKMS {
		r.Encryption, r.KMSKey = "aws:kms", record.DefaultKey
	}
	return in.adopt(ctx, record, keys, &r.AdoptionReport)
}

// readDefault reads from the envelopes of the sample how the bucket's objects are sealed, and makes that the record's
// default. Objects that can't be read are left to the attempt to open them.
func (in *Installation) readDefault(ctx context.Context, record *state.Bucket, keys []string) error {
	p := &place{in, in.FactsOf(record), record}
	found := map[string]policy.Encryption{}
	for _, key := range keys {
		source, err := p.object(key).HeadWithTail(ctx)
		if err != nil {
			continue
		}
		e := source.Encryption()
		if e.SSE != policy.SSEKMS {
			e.KeyARN = "AES256"
		}
		e.BucketKey = e.BucketKey || found[e.KeyARN].BucketKey
		found[e.KeyARN] = e
	}
	if record.Directory && len(found) > 1 { // its key, and objects from before it had one
		delete(found, "AES256")
	}
	if len(found) > 1 {
		var list []string
		for key := range found {
			list = append(list, key)
		}
		slices.Sort(list)
		return refusal(fmt.Sprintf("its objects are sealed under %s, and nothing shows which is its default: adopt it by "+
			"itself, with --arn and --kms-key", strings.Join(list, " and ")))
	}
	for _, e := range found {
		if e.SSE == policy.SSEKMS {
			if !p.mayBind(e.KeyARN) {
				return refusal("its objects are sealed under " + e.KeyARN +
					", which kms.allowed_keys doesn't allow: if it is the " +
					"bucket's key nevertheless, adopt the bucket by itself, with --arn and --kms-key")
			}
			record.DefaultKMS, record.DefaultKey, record.KeyAsGiven, record.BucketKey = true, e.KeyARN, e.KeyARN, e.BucketKey
			if record.Directory {
				record.BoundKey, record.BucketKey = e.KeyARN, true
			}
		} else if in.FactsOf(record).Default.SSE == policy.SSEKMS { // what the configuration gives buckets of no default
			record.Configured = true
		}
	}
	return nil
}

// mayBind reports whether a key that envelopes name may become the bucket's. Whoever can write to the store can name
// any key there, one of their own among them, and everything that is written afterwards would be sealed under it. So it
// must be a key that general purpose buckets may use.
func (p *place) mayBind(kmsKey string) bool {
	general := *p.object("")
	general.Facts.Kind = policy.General
	return general.KeyAllowed(policy.SSEKMS, kmsKey)
}

// storeBuckets are the buckets of the store whose names begin with prefix, without it; the state bucket isn't one.
func (in *Installation) storeBuckets(ctx context.Context, prefix string) (names []string, err error) {
	operation := "ListBuckets"
	if in.Store.Directory() {
		operation = "ListDirectoryBuckets"
	}
	for token := ""; ; {
		var page struct {
			Buckets           struct{ Bucket []struct{ Name string } }
			ContinuationToken string
		}
		query := ""
		if token != "" {
			query = "continuation-token=" + url.QueryEscape(token)
		}
		r := &store.Request{Operation: operation, Method: "GET", Query: query}
		if err := send(ctx, in.Store, r, &page); err != nil {
			return nil, err
		}
		for _, b := range page.Buckets.Bucket {
			if name, ok := strings.CutPrefix(b.Name, prefix); ok && name != "" && b.Name != in.StateBucket {
				names = append(names, name)
			}
		}
		if page.ContinuationToken == "" || page.ContinuationToken == token {
			return names, nil
		}
		token = page.ContinuationToken
	}
}
