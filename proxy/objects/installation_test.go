package objects_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

const (
	account    = "111122223333"
	serviceKey = "arn:aws:kms:us-east-1:111122223333:key/service"
	customKey  = "arn:aws:kms:us-east-1:111122223333:key/custom"
	otherKey   = "arn:aws:kms:us-east-1:111122223333:key/other"
	foreignKey = "arn:aws:kms:us-east-1:999999999999:key/foreign"
	things     = "things"    // a bucket, which the store knows as things-s
	more       = "more"      // another one, more-s
	stateStore = "the-state" // the store's bucket of records and stashed parts
)

// An installation is objects with all that they need, in this process, over a memory store.
type installation struct {
	*objects.Objects
	front   *front
	state   *state.State
	records *records
	kms     *fakeKMS
	keys    *keyring.Keyring
	logs    *observer.ObservedLogs
	o       objects.Options

	mu      sync.Mutex
	damaged []string
}

// install assembles an installation whose store has all abilities, but for what change says.
func install(t testing.TB, change func(o *objects.Options)) *installation {
	t.Helper()
	return installOver(t, memstore.Options{}, alone, change)
}

func installOver(t testing.TB, m memstore.Options, s state.Options, change func(o *objects.Options)) *installation {
	t.Helper()
	i := &installation{front: newFront(t, m), kms: newFakeKMS()}
	for _, name := range []string{things + "-s", more + "-s", stateStore} {
		if err := i.front.CreateBucket(t.Context(), name, false); err != nil {
			t.Fatal(err)
		}
	}
	i.keys = keyring.New(i.kms, keyring.Options{})
	t.Cleanup(i.keys.Close)
	i.records = &records{Objects: i.front.memory.Objects(stateStore)}
	s.ServiceKey = serviceKey
	var err error
	if i.state, err = state.Open(t.Context(), i.records, i.kms, s); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{things, more} {
		_, err := i.state.CreateBucket(t.Context(), state.Bucket{
			Name: name, StoreName: name + "-s", ARN: "arn:aws:s3:::" + name, Account: account, Region: region,
		}, func(context.Context) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	core, logs := observer.New(zap.DebugLevel)
	i.logs = logs
	i.o = objects.Options{
		Store: i.front, Keys: i.keys, Buckets: i.state, Uploads: i.state, Claims: i.state, StateBucket: stateStore,
		Abilities: store.AllAbilities(), ServiceKey: serviceKey, Log: zap.New(core),
		Policy: policy.Options{ServiceKey: serviceKey}, Damaged: i.noteDamage,
	}
	if change != nil {
		change(&i.o)
	}
	i.Objects = objects.New(i.o)
	i.kms.called()
	return i
}

func (i *installation) noteDamage(kind string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.damaged = append(i.damaged, kind)
}

// damages are the kinds of damage that were counted since the last call.
func (i *installation) damages() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	kinds := strings.Join(i.damaged, " ")
	i.damaged = nil
	return kinds
}

// logged reports whether a message with this text was logged.
func (i *installation) logged(text string) bool {
	return slices.ContainsFunc(i.logs.All(),
		func(e observer.LoggedEntry) bool { return strings.Contains(e.Message, text) })
}

// in returns an object of a bucket, as a request of this operation means it.
func (i *installation) in(t testing.TB, bucket string, op policy.Operation, key string) *objects.Object {
	t.Helper()
	record, err := i.state.Bucket(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	return &objects.Object{
		Objects: i.Objects, Bucket: bucket, Key: key, Record: record,
		Facts:     policy.Bucket{Name: bucket, ARN: record.ARN, Account: account, Region: region, Kind: policy.General},
		Operation: op, Method: "PUT", Principal: "alice", Prepared: new(objects.PreparedRef),
	}
}

func (i *installation) object(t testing.TB, key string) *objects.Object {
	t.Helper()
	return i.in(t, things, policy.PutObject, key)
}

// records are the store's objects that hold the state, of which one operation can fail.
type records struct {
	*store.Objects
	mu   sync.Mutex
	fail func(operation, name string) error
}

var errRecords = errors.New("the test says that records can't be had")

func (r *records) set(fail func(operation, name string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = fail
}

func (r *records) failed(operation, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail == nil {
		return nil
	}
	return r.fail(operation, name)
}

func (r *records) Get(ctx context.Context, name string) ([]byte, string, error) {
	if err := r.failed("Get", name); err != nil {
		return nil, "", err
	}
	return r.Objects.Get(ctx, name)
}

func (r *records) Put(ctx context.Context, name string, body []byte, ifMatch string) (string, error) {
	if err := r.failed("Put", name); err != nil {
		return "", err
	}
	return r.Objects.Put(ctx, name, body, ifMatch)
}

func (r *records) Delete(ctx context.Context, name string) error {
	if err := r.failed("Delete", name); err != nil {
		return err
	}
	return r.Objects.Delete(ctx, name)
}

func (r *records) List(ctx context.Context, prefix, start string,
	f func(name, etag string, size int64, modified time.Time),
) (bool, error) {
	if err := r.failed("List", prefix); err != nil {
		return false, err
	}
	return r.Objects.List(ctx, prefix, start, f)
}

// A body is plaintext that a client sends.
type body struct {
	data    []byte
	read    int
	kind    *s3.ChecksumKind // nil: CRC64NVME
	started bool
	fail    error // what Finish returns: the body was found wrong
	short   error // what Fill returns when the body ends
	size    int64 // that is declared; 0: that of data
	bare    bool  // it has no checksum
}

func (b *body) Size() int64 {
	if b.size > 0 {
		return b.size
	}
	return int64(len(b.data))
}

func (b *body) Start() { b.started = true }

func (b *body) Fill(p []byte) error {
	n := copy(p, b.data[b.read:])
	b.read += n
	if n < len(p) {
		return b.short
	}
	return nil
}

func (b *body) Finish() (*crypto.Checksum, error) {
	if b.fail != nil {
		return nil, b.fail
	}
	if b.bare {
		return nil, nil
	}
	return sumOf(b.kind, b.data), nil
}

func (b *body) keep(kind *s3.ChecksumKind) { b.kind = kind }

// sumOf is the checksum of data, of the full object.
func sumOf(kind *s3.ChecksumKind, data []byte) *crypto.Checksum {
	if kind == nil {
		kind = s3.ChecksumOf(crypto.CRC64NVME)
	}
	h := kind.Make()
	h.Write(data)
	return &crypto.Checksum{Type: crypto.FullObject, Algorithm: kind.Algorithm, Value: h.Sum(nil)}
}

// random is n bytes, the same for the same n and seed.
func random(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed, byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

var (
	sseS3  = policy.Encryption{SSE: policy.SSES3}
	sseKMS = policy.Encryption{SSE: policy.SSEKMS, KeyARN: customKey, BucketKey: true}
)

func anyone(string) error { return nil }

// describe puts the envelope onto a request, and this metadata.
func describe(header ...string) func(r *store.Request, envelope []byte) error {
	return func(r *store.Request, envelope []byte) error {
		for i := 0; i < len(header); i += 2 {
			r.Set(header[i], header[i+1])
		}
		r.SetBytes("x-amz-meta-sealfront", envelope)
		return nil
	}
}

// putTo puts an object.
func putTo(ctx context.Context, x *objects.Object, e policy.Encryption, b *body, c objects.Conditions,
	header ...string,
) (string, error) {
	var s objects.Scratch
	p := s.NewPut(x, e, b, time.Now())
	p.Algorithm = crypto.CRC64NVME
	if b.kind != nil {
		p.Algorithm = b.kind.Algorithm
	}
	a, err := p.Send(ctx, func(r *store.Request, envelope []byte) error {
		c.Set(r)
		return describe(header...)(r, envelope)
	})
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault("PutObject"); f != nil {
		return "", x.WriteFault(f, &c)
	}
	return string(a.Get("Etag")), nil
}

func (i *installation) put(t testing.TB, key string, data []byte, header ...string) {
	t.Helper()
	if _, err := putTo(t.Context(), i.object(t, key), sseKMS, &body{data: data}, objects.Conditions{},
		header...); err != nil {
		t.Fatal(err)
	}
}

// read returns the plaintext of a whole object; nil, and no error, when there is none.
func (i *installation) read(t testing.TB, x *objects.Object) ([]byte, error) {
	t.Helper()
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		if objects.Translate(err).Code == "NoSuchKey" {
			return nil, nil
		}
		return nil, err
	}
	opened, err := from.Open(t.Context(), false, anyone)
	if err != nil {
		return nil, err
	}
	defer opened.Secrets.Wipe()
	return readOpened(t.Context(), x, opened, 0, opened.Length-1)
}

func readOpened(ctx context.Context, x *objects.Object, opened *objects.Opened, first, last int64) ([]byte, error) {
	r, err := x.Read(ctx, opened, first, last, nil, s3.ChecksumOf(crypto.CRC64NVME))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, r.Size())
	return data, r.Fill(data)
}

// wantRead checks that an object has these bytes, nil for no object.
func (i *installation) wantRead(t testing.TB, what string, x *objects.Object, want []byte) {
	t.Helper()
	got, err := i.read(t, x)
	if err != nil || (got == nil) != (want == nil) || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, %v; want %d", what, len(got), err, len(want))
	}
}

// wantCode checks that err is translated into this S3 error.
func wantCode(t testing.TB, what string, err error, code string) {
	t.Helper()
	if err == nil || objects.Translate(err).Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// alone is a state that no other replica works on.
var alone = state.Options{Alone: true}

// plainStore is a memory store as it is.
var plainStore = memstore.Options{}
