package state

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sealfront/crypto"
)

// A bucket's record has a name beside it, an empty object, so that two listings, of records and of names, say what
// buckets there are:
//
//	bucketlist/BUCKET!FACTS
//
// FACTS are sealed and bound to the bucket. They say which state of the record they are of, by its ETag: no sealed
// record has the bytes of an earlier one. A name of another state is as good as none, and the record is read: whoever
// changed it was an earlier release, or broke off. "!" comes before all characters of bucket names, so that names have
// the order of records.

const (
	listedPrefix = "bucketlist/"
	listedEnd    = "!"
)

// A ListedBucket is what ListBuckets says of a bucket.
type ListedBucket struct {
	Name      string
	Directory bool
	ARN       string
	Region    string
	Created   time.Time
}

// Facts: flags ‖ digest of the record's ETag (16) ‖ created, ms ‖ region ‖ beginning of the ARN, each with its length.
const (
	bucketFactsFixed = 1 + 16 + 8

	flagActive    = 1
	flagDirectory = 2
	flagFree      = 4
)

// longestName bounds a name behind its prefix: stores take 255 bytes in a segment.
const longestName = 250

func etagDigest(etag string) (d [16]byte) {
	sum := sha256.Sum256([]byte(strings.Trim(etag, `"`))) // listings of some stores are without quotes
	copy(d[:], sum[:])
	return d
}

// bucketName returns the name of a bucket whose record, as b has it, has this ETag; "" if it would be too long, as that
// of a bucket adopted with an unusual ARN may be.
func (s *State) bucketName(b *Bucket, etag string) string {
	var flags byte
	switch b.State {
	case active:
		flags = flagActive
	case free:
		flags = flagFree
	}
	if b.Directory {
		flags |= flagDirectory
	}
	d := etagDigest(etag)
	facts := append([]byte{flags}, d[:]...)
	facts = binary.BigEndian.AppendUint64(facts, uint64(b.Created.UnixMilli()))
	arn := b.ARN
	if strings.HasSuffix(arn, b.Name) { // always, but for some that were adopted
		arn = strings.TrimSuffix(arn, b.Name) + "\x00"
	}
	for _, text := range []string{b.Region, arn} {
		if len(text) > 255 {
			return ""
		}
		facts = append(append(facts, byte(len(text))), text...)
	}
	prefix := listedPrefix + b.Name + listedEnd
	if len(b.Name)+len(listedEnd)+crypto.SealedNameLength(len(facts)) > longestName {
		return ""
	}
	return string(crypto.AppendSealedName(nil, &s.key, prefix, facts))
}

// A bucketFacts is what a name says.
type bucketFacts struct {
	ListedBucket
	etag         [16]byte // of the record, digested
	active, free bool
}

func (s *State) parseBucketName(bucket, name string) (*bucketFacts, error) {
	facts, err := crypto.OpenSealedName(&s.key, listedPrefix+bucket+listedEnd, name)
	if err != nil || len(facts) < bucketFactsFixed {
		return nil, s.damaged(name)
	}
	f := &bucketFacts{active: facts[0]&flagActive != 0, free: facts[0]&flagFree != 0}
	f.Name, f.Directory = bucket, facts[0]&flagDirectory != 0
	copy(f.etag[:], facts[1:])
	f.Created = time.UnixMilli(int64(binary.BigEndian.Uint64(facts[17:]))).UTC()
	rest := facts[bucketFactsFixed:]
	for _, text := range []*string{&f.Region, &f.ARN} {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return nil, s.damaged(name)
		}
		*text, rest = string(rest[1:1+rest[0]]), rest[1+rest[0]:]
	}
	if beginning, ok := strings.CutSuffix(f.ARN, "\x00"); ok {
		f.ARN = beginning + bucket
	}
	return f, nil
}

// nameBucket gives the record of a bucket, as b has it, its name, and takes that of the state before away. What fails
// is repaired by whoever lists buckets next.
func (s *State) nameBucket(ctx context.Context, b *Bucket, etag string, before *Bucket, etagBefore string) {
	both, within := errgroup.WithContext(ctx)
	if name := s.bucketName(b, etag); name != "" {
		both.Go(func() error {
			return s.putName(within, name)
		})
	}
	if before != nil {
		if name := s.bucketName(before, etagBefore); name != "" {
			both.Go(func() error { return s.objects.Delete(within, name) })
		}
	}
	_ = both.Wait()
}

// A bucketPass goes over bucket records and their names, in the order of buckets.
type bucketPass struct {
	s              *State
	records, names *walk
	wrong          []string // names that say nothing to anybody
}

// A recorded is one bucket record with the facts of its name.
type recorded struct {
	bucket string
	etag   string
	facts  *bucketFacts // those of the record's present state; nil if its name is missing
	listed time.Time    // when the record changed
}

// page returns up to a page of records; none at the end.
func (p *bucketPass) page(ctx context.Context) ([]*recorded, error) {
	var page []*recorded
	for len(page) < 1000 {
		o, err := p.records.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the bucket records: %w", err)
		}
		if o == nil {
			return page, p.rest(ctx)
		}
		r := &recorded{bucket: strings.TrimPrefix(o.name, bucketPrefix), etag: o.etag, listed: o.modified}
		page = append(page, r)
		for {
			n, err := p.names.peek(ctx)
			if err != nil {
				return nil, fmt.Errorf("list the names of buckets: %w", err)
			}
			if n == nil {
				break
			}
			bucket, _, _ := strings.Cut(strings.TrimPrefix(n.name, listedPrefix), listedEnd)
			if bucket > r.bucket {
				break
			}
			f, err := p.s.parseBucketName(bucket, n.name)
			if err != nil {
				return nil, err
			}
			if bucket == r.bucket && f.etag == etagDigest(o.etag) {
				r.facts = f
			} else {
				p.isWrong(n)
			}
			_, _ = p.names.next(ctx)
		}
	}
	return page, nil
}

// rest goes over the names behind the last record.
func (p *bucketPass) rest(ctx context.Context) error {
	for {
		n, err := p.names.next(ctx)
		if n == nil || err != nil {
			return err
		}
		bucket, _, _ := strings.Cut(strings.TrimPrefix(n.name, listedPrefix), listedEnd)
		if _, err := p.s.parseBucketName(bucket, n.name); err != nil {
			return err
		}
		p.isWrong(n)
	}
}

// isWrong notes a name of another state, or of a record that is gone. A new one may be of what has happened between the
// two listings.
func (p *bucketPass) isWrong(n *listed) {
	if p.s.o.Now().Sub(n.modified) > time.Minute {
		p.wrong = append(p.wrong, n.name)
	}
}

// repair reads the records on a page whose names are missing, and names them. Wrong names go.
func (p *bucketPass) repair(ctx context.Context, page []*recorded) error {
	s := p.s
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for _, r := range page {
		if r.facts != nil {
			continue
		}
		group.Go(func() error {
			b := new(Bucket)
			etag, err := s.read(within, bucketPrefix+r.bucket, b)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			r.etag = etag
			r.facts = &bucketFacts{
				ListedBucket: ListedBucket{Name: b.Name, Directory: b.Directory, ARN: b.ARN, Region: b.Region, Created: b.Created},
				active:       b.State == active, free: b.State == free,
			}
			s.nameBucket(within, b, etag, nil, "")
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	wrong := p.wrong
	p.wrong = nil
	if len(wrong) > 0 {
		_ = s.objects.DeleteAll(ctx, wrong) // the next listing's, if it fails
	}
	return nil
}

// ListBuckets calls f for each active bucket whose name begins with prefix and comes after start, in order, until it
// returns false. It costs two listings for a thousand records.
func (s *State) ListBuckets(ctx context.Context, prefix, start string, f func(b *ListedBucket) bool) error {
	p := bucketPass{s: s, records: s.walk(bucketPrefix+prefix, ""), names: s.walk(listedPrefix+prefix, "")}
	if start != "" {
		p.records.start, p.names.start = bucketPrefix+start, listedPrefix+start+listedEnd+behindAll
	}
	for {
		page, err := p.page(ctx)
		if err != nil || len(page) == 0 && len(p.wrong) == 0 {
			return err
		}
		if err := p.repair(ctx, page); err != nil {
			return err
		}
		for _, r := range page {
			if r.facts != nil && r.facts.active && !f(&r.facts.ListedBucket) {
				return nil
			}
		}
	}
}

// Buckets calls f with the record of each active bucket, in order, until it returns false: a request a bucket that
// isn't in the cache, besides those of ListBuckets.
func (s *State) Buckets(ctx context.Context, f func(b *Bucket) bool) error {
	var failed error
	err := s.ListBuckets(ctx, "", "", func(l *ListedBucket) bool {
		b, err := s.Bucket(ctx, l.Name)
		if errors.Is(err, ErrNoBucket) {
			return true
		}
		failed = err
		return err == nil && f(b)
	})
	return errors.Join(err, failed)
}

// sweepBuckets names the records that have none, and removes those of names that have been free for a while.
func (s *State) sweepBuckets(ctx context.Context) error {
	p := bucketPass{s: s, records: s.walk(bucketPrefix, ""), names: s.walk(listedPrefix, "")}
	var failed error
	for {
		page, err := p.page(ctx)
		if err != nil || len(page) == 0 && len(p.wrong) == 0 {
			return errors.Join(err, failed)
		}
		failed = errors.Join(failed, p.repair(ctx, page))
		if s.o.ConditionalDelete {
			failed = errors.Join(failed, s.removeFree(ctx, page))
		}
	}
}

// freeRecordLife is how long the record of a name that is free stays.
const freeRecordLife = time.Hour

// removeFree removes records of free names: nobody acts on them, and the store removes only what was listed.
func (s *State) removeFree(ctx context.Context, page []*recorded) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for _, r := range page {
		if r.facts == nil || !r.facts.free || s.o.Now().Sub(r.listed) < freeRecordLife {
			continue
		}
		group.Go(func() error {
			err := s.objects.DeleteIf(within, bucketPrefix+r.bucket, r.etag)
			if conflict(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("remove the record of a name that is free: %w", err)
			}
			name := s.bucketName(&Bucket{
				Name: r.bucket, State: free, Directory: r.facts.Directory, Region: r.facts.Region, ARN: r.facts.ARN,
				Created: r.facts.Created,
			}, r.etag)
			return s.objects.Delete(within, name)
		})
	}
	return group.Wait()
}
