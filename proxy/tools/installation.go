package tools

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// Installation is what a tool works on.
type Installation struct {
	Locks
	Store          *store.Client
	State          *state.State
	MetadataHeader string
	StateBucket    string          // of the store
	Abilities      store.Abilities // of the store, for what writes to it
	CopyLimit      int64           // the most bytes that one store-side copy takes; 0: 5 GiB
}

// ErrUsage is wrapped by faults of what a tool was asked.
var ErrUsage = errors.New("usage")

// Target is what s3://BUCKET[/REST] names.
type Target struct{ Bucket, Key string }

// ParseTarget reads s3://BUCKET[/KEY]. The key is taken as it stands, without unescaping.
func ParseTarget(uri string) (Target, error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return Target{}, fmt.Errorf("%w: %q is not s3://BUCKET[/KEY]", ErrUsage, uri)
	}
	return Target{bucket, key}, nil
}

// URI names an object on one line: a key with control characters is quoted.
func (t Target) URI() string {
	uri := "s3://" + t.Bucket + "/" + t.Key
	if strings.ContainsFunc(uri, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return strconv.Quote(uri)
	}
	return uri
}

// place is a bucket of the installation.
type place struct {
	*Installation
	facts     policy.Bucket
	storeName string
	record    *state.Bucket
}

func (in *Installation) place(ctx context.Context, bucket string) (*place, error) {
	record, err := in.State.FreshBucket(ctx, bucket)
	if errors.Is(err, state.ErrNoBucket) {
		return nil, fmt.Errorf("there is no bucket %q", bucket)
	}
	if err != nil {
		return nil, err
	}
	return &place{in, factsOf(record), record.StoreName, record}, nil
}

// Outcomes of asking the store for one object.
var (
	errGone     = errors.New("the object is gone")
	errReplaced = errors.New("the object kept being replaced while it was read")
)

// attempts bounds how often an object that changes under the tool is begun anew.
const attempts = 5

func again(f func() error) error {
	var err error
	for range attempts {
		if err = f(); !errors.Is(err, errReplaced) {
			return err
		}
	}
	return err
}

// get asks for an object, or with n ≥ 0 for its last n bytes, and with etag for that version of it.
func (p *place) get(ctx context.Context, key string, n int64, etag string) (*store.Answer, error) {
	r := &store.Request{Operation: "GetObject", Method: "GET", Bucket: p.storeName, Key: key}
	if n >= 0 {
		r.Set("Range", "bytes=-"+strconv.FormatInt(n, 10))
	}
	ifMatch(r, etag)
	a, err := ask(ctx, p.Store, r)
	if etag != "" && errors.Is(err, errGone) {
		err = errReplaced
	}
	return a, err
}

// end reads the last n bytes of the version with this ETag and envelope.
func (p *place) end(ctx context.Context, key, etag string, envelope []byte) func(n int64) ([]byte, error) {
	return func(n int64) ([]byte, error) {
		a, err := p.get(ctx, key, n, etag)
		if err != nil {
			return nil, err
		}
		defer a.Close()
		// Some stores put an answer together of one version's metadata and another's bytes.
		if string(a.Get(p.MetadataHeader)) != string(envelope) {
			return nil, errReplaced
		}
		return a.Bytes(int(n))
	}
}

// fetched is an object with the store's answer, whose body has not been read.
type fetched struct {
	*object
	answer *store.Answer
	etag   string
	text   []byte // the envelope as the store has it
}

func (f *fetched) close() {
	f.wipe()
	f.answer.Close()
}

// fetch asks for a whole object and opens it; of an object of several parts it reads the trailer. It must be closed.
func (p *place) fetch(ctx context.Context, key string) (f *fetched, err error) {
	a, err := p.get(ctx, key, -1, "")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	text := append([]byte(nil), a.Get(p.MetadataHeader)...)
	e, err := crypto.ParseEnvelopeText(text)
	if err != nil {
		return nil, ofFormat("envelope", err)
	}
	if a.Length < 0 {
		return nil, errors.New("the store answered without Content-Length")
	}
	secrets, err := p.unlock(ctx, &p.facts, key, e)
	if err != nil {
		return nil, err
	}
	o, err := newObject(e, secrets, a.Length)
	if err != nil {
		return nil, err
	}
	f = &fetched{object: o, answer: a, etag: string(a.Get("Etag")), text: text}
	if e.Multipart {
		if err := o.readTrailer(p.end(ctx, key, f.etag, text)); err != nil {
			o.wipe()
			return nil, err
		}
	}
	return f, nil
}

// check reads an object and checks every stored byte of it.
func (p *place) check(ctx context.Context, key string) error {
	return again(func() error {
		f, err := p.fetch(ctx, key)
		if err != nil {
			return err
		}
		defer f.close()
		return f.read(f.answer, nil)
	})
}

// Facts is what of a bucket's record decides about opening its objects.
func (in *Installation) Facts(ctx context.Context, bucket string) (policy.Bucket, error) {
	p, err := in.place(ctx, bucket)
	if err != nil {
		return policy.Bucket{}, err
	}
	return p.facts, nil
}
