package objects_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// An operation is a way to make an object, for tests that disturb each of its requests.
type operation struct {
	name   string
	store  memstore.Options
	change func(o *objects.Options)
	source []byte   // lies at "source" all the time
	old    []byte   // at the key before
	parts  [][]byte // that old is uploaded in; nil: it is put
	now    []byte   // at the key afterwards
	bound  bool     // it replaces nothing but what it has read
	run    func(ctx context.Context, t testing.TB, i *installation, key string) error
}

func lessAble(change func(a *store.Abilities)) func(o *objects.Options) {
	return func(o *objects.Options) { change(&o.Abilities) }
}

var (
	small = random(1, 1000)               // comes with its metadata
	large = random(2, 300*kib)            // does not, and is staged, and is no body that is taken in whole
	part  = random(3, crypto.MinPartSize) // is a part that stays
	older = random(4, 2000)
	added = random(5, 700)
)

func allOperations() []operation {
	noConditionalCopy := lessAble(func(a *store.Abilities) { a.ConditionalCopy = false })
	noAtomicCopy := lessAble(func(a *store.Abilities) { a.AtomicSelfCopy = false })
	long := random(6, 10*mib+300)
	return []operation{
		{name: "a small object is put", old: older, now: small, run: putting(small)},
		{name: "a large object is put", old: older, now: large, run: putting(large)},
		{name: "an empty object is put", old: older, now: []byte{}, run: putting([]byte{})},
		{name: "a small object is copied", source: small, old: older, now: small, run: copying(sseKMS)},
		{name: "an empty object is copied", source: []byte{}, old: older, now: []byte{}, run: copying(sseKMS)},
		{name: "a large object is copied by the store", source: large, old: older, now: large, run: copying(sseKMS)},
		{
			name: "a large object is copied by a store whose deletions know no conditions", source: large, old: older,
			now:    large,
			change: lessAble(func(a *store.Abilities) { a.ConditionalDelete = false }), run: copying(sseKMS),
		},
		{
			name: "a small object is copied under another key", source: small, old: older, now: small,
			run: copying(sseS3),
		},
		{
			name: "a large object is copied under another key", source: large, old: older, now: large,
			run:    copying(sseS3),
			change: lessAble(func(a *store.Abilities) { a.ConditionalDelete = false }),
		},
		{
			name: "an object is copied in pieces", source: long, old: older, now: long, run: copying(sseKMS),
			change: func(o *objects.Options) { o.CopyLimit = 6 * mib },
		},
		{
			name: "an object is copied onto itself by the store", old: large, now: large, bound: true,
			run: copyingSelf(sseKMS),
		},
		{name: "a small object is copied onto itself", old: small, now: small, bound: true, run: copyingSelf(sseKMS)},
		{
			name: "an object is copied onto itself under another key", old: large, now: large, bound: true,
			run: copyingSelf(sseS3),
		},
		{
			name: "an object is copied onto itself through the proxy", old: large, now: large, bound: true,
			run:    copyingSelf(sseKMS),
			change: noAtomicCopy,
		},
		{
			name: "an object is copied onto itself by way of another place", old: large, now: large, bound: true,
			run: copyingSelf(sseKMS), change: noConditionalCopy,
		},
		{
			name: "an object is copied onto itself in one part", old: large, now: large, bound: true,
			run:    copyingSelf(sseS3),
			change: noConditionalCopy,
		},
		{
			name: "a small object is appended to", old: small, now: slices.Concat(small, added), bound: true,
			run: appending,
		},
		{
			name: "an object with a part that stays is appended to", old: part, now: slices.Concat(part, added),
			bound: true, run: appending,
		},
		{
			name: "an object with a part that stays and another is appended to", old: slices.Concat(part, small),
			parts: [][]byte{part, small},
			now:   slices.Concat(part, small, added), bound: true, run: appending,
		},
		{name: "an object gets another key", old: large, now: large, bound: true, run: reencrypting},
		{
			name: "an empty object gets another key", old: []byte{}, now: []byte{}, bound: true, run: reencrypting,
			change: lessAble(func(a *store.Abilities) { a.CopyKeepsETag, a.ETagOfBytes = false, true }),
		},
		{
			name: "an object gets another key on a store with ETags of bytes", old: large, now: large, bound: true,
			run:    reencrypting,
			change: lessAble(func(a *store.Abilities) { a.CopyKeepsETag, a.ETagOfBytes = false, true }),
		},
		{
			name: "an object gets another key on a store with MD5s", old: large, now: large, bound: true,
			run:   reencrypting,
			store: memstore.Options{MD5: true}, change: lessAble(func(a *store.Abilities) { a.CopyKeepsETag = false }),
		},
		{
			name: "an object of parts gets another key on a store with MD5s", old: slices.Concat(part, added),
			parts: [][]byte{part, added},
			now:   slices.Concat(part, added), bound: true,
			run: reencrypting, store: memstore.Options{MD5: true},
			change: lessAble(func(a *store.Abilities) { a.CopyKeepsETag = false }),
		},
		{name: "an upload of a small part is completed", old: older, now: small, run: uploading(small)},
		{name: "an upload of an empty part is completed", old: older, now: []byte{}, run: uploading([]byte{})},
		{name: "an upload of a large part is completed", old: older, now: part, run: uploading(part)},
		{
			name: "an upload of two parts is completed", old: older, now: slices.Concat(part, small),
			run: uploading(part, small),
		},
		{
			name: "an upload is completed on a store without gaps", old: older, now: slices.Concat(part, small),
			run:    uploading(part, small),
			change: lessAble(func(a *store.Abilities) { a.PartGaps = false }),
		},
		{
			name: "an object is deleted", old: small,
			run: func(ctx context.Context, t testing.TB, i *installation, key string) error {
				_, err := i.in(t, things, policy.DeleteObject, key).Remove(ctx, "", "", "", false)
				return err
			},
		},
	}
}

// prepare puts what an operation starts from.
func (op *operation) prepare(t testing.TB, i *installation, key string) {
	t.Helper()
	put := func(key string) {
		if op.parts != nil {
			i.upload(t, key, op.parts...)
		} else {
			i.put(t, key, op.old)
		}
	}
	if len(op.old) < mib {
		put(key)
		return
	}
	// A large one is copied by the store, which costs nothing, from one that is sealed once.
	if !i.front.holds(t, things+"-s", "prepared") {
		put("prepared")
	}
	x := i.in(t, things, policy.CopyObject, key)
	if _, _, err := copyTo(t.Context(), x, x.At(x.Record, x.Facts, "prepared"), sseKMS, nil); err != nil {
		t.Fatal(err)
	}
}

// upload makes an object of parts.
func (i *installation) upload(t testing.TB, key string, parts ...[]byte) {
	t.Helper()
	if err := uploading(parts...)(t.Context(), t, i, key); err != nil {
		t.Fatal(err)
	}
}

func putting(data []byte) func(context.Context, testing.TB, *installation, string) error {
	return func(ctx context.Context, t testing.TB, i *installation, key string) error {
		_, err := putTo(ctx, i.object(t, key), sseKMS, &body{data: data}, objects.Conditions{})
		return err
	}
}

// copyTo makes a copy of an object.
func copyTo(ctx context.Context, to, from *objects.Object, e policy.Encryption,
	change func(c *objects.Copy),
) (*objects.Copy, *objects.WriteResult, error) {
	var c *objects.Copy
	var done *objects.WriteResult
	err := objects.Retry(func() error {
		source, err := from.HeadWithTail(ctx)
		if err != nil {
			return err
		}
		c = &objects.Copy{
			Object: to, Source: source, Encryption: e, May: anyone, Began: time.Now(), Scratch: new(objects.Scratch),
			Describe: func(r *store.Request, envelope []byte) error { return source.CopyMetadata(r, envelope, 0) },
		}
		if change != nil {
			change(c)
		}
		done, err = c.Run(ctx, nil)
		return err
	})
	return c, done, err
}

func copying(e policy.Encryption) func(context.Context, testing.TB, *installation, string) error {
	return func(ctx context.Context, t testing.TB, i *installation, key string) error {
		x := i.in(t, things, policy.CopyObject, key)
		_, _, err := copyTo(ctx, x, x.At(x.Record, x.Facts, "source"), e, nil)
		return err
	}
}

func copyingSelf(e policy.Encryption) func(context.Context, testing.TB, *installation, string) error {
	return func(ctx context.Context, t testing.TB, i *installation, key string) error {
		x := i.in(t, things, policy.CopyObject, key)
		return x.Claimed(ctx, func(ctx context.Context, _ *state.Claim) error {
			_, _, err := copyTo(ctx, x, x.At(x.Record, x.Facts, key), e, nil)
			return err
		}, key)
	}
}

// appendTo appends to an object.
func appendTo(ctx context.Context, x *objects.Object, b *body, e policy.Encryption) (*objects.AppendResult, error) {
	from, err := x.At(x.Record, x.Facts, x.Key).HeadForAppend(ctx)
	if err != nil {
		return nil, err
	}
	kind := b.kind
	if kind == nil {
		kind = s3.ChecksumOf(crypto.CRC64NVME)
	}
	return from.AppendTo(ctx, x, objects.Append{
		Body: b, Kind: kind, Announced: b.kind != nil, May: anyone, ReturnChecksum: b.keep, Encryption: e, Began: time.Now(),
		Scratch: new(objects.Scratch),
	})
}

func appending(ctx context.Context, t testing.TB, i *installation, key string) error {
	_, err := appendTo(ctx, i.object(t, key), &body{data: added}, sseKMS)
	return err
}

// reencrypt seals an object's data key under another KMS key.
func reencrypt(ctx context.Context, x *objects.Object, e policy.Encryption) (done *objects.WriteResult, err error) {
	err = x.Claimed(ctx, func(ctx context.Context, _ *state.Claim) error {
		return objects.Retry(func() error {
			from, err := x.At(x.Record, x.Facts, x.Key).HeadWithTail(ctx)
			if err != nil {
				return err
			}
			done, err = from.Reencrypt(ctx, x, e, nil, anyone, time.Now())
			return err
		})
	}, x.Key)
	return done, err
}

func reencrypting(ctx context.Context, t testing.TB, i *installation, key string) error {
	_, err := reencrypt(ctx, i.in(t, things, policy.UpdateObjectEncryption, key),
		policy.Encryption{SSE: policy.SSEKMS, KeyARN: otherKey, BucketKey: true})
	return err
}

// upload makes an object of parts, whose numbers are those of the slice from 1 on, an absent part for nil.
func upload(ctx context.Context, x *objects.Object, e policy.Encryption, kind *s3.ChecksumKind,
	sumType crypto.ChecksumType,
	parts [][]byte, change func(c *objects.Completion),
) (*objects.Completion, error) {
	u, list, err := storeParts(ctx, x, e, kind, sumType, parts)
	if err != nil {
		return nil, err
	}
	return completeParts(ctx, x, u.ID, list, change)
}

// storeParts creates an upload and stores its parts. The upload is returned when a part failed, too.
func storeParts(ctx context.Context, x *objects.Object, e policy.Encryption, kind *s3.ChecksumKind,
	sumType crypto.ChecksumType, parts [][]byte) (
	*objects.Upload, []objects.NamedPart, error,
) {
	created, err := x.CreateUpload(ctx, e, kind, sumType, time.Now(), &objects.Conditions{}, describe())
	if err != nil {
		return nil, nil, err
	}
	u, err := x.FindUpload(ctx, created.ID, false)
	if err != nil {
		return nil, nil, err
	}
	var list []objects.NamedPart
	for n, data := range parts {
		if data == nil {
			continue
		}
		named, err := storePart(ctx, x, u, n+1, data)
		if err != nil {
			return u, nil, err
		}
		if kind != nil {
			named.Kind, named.Checksum = kind, s3.ChecksumText(sumOf(kind, data))
		}
		list = append(list, *named)
	}
	return u, list, nil
}

// storePart stores one part.
func storePart(ctx context.Context, x *objects.Object, u *objects.Upload, number int, data []byte) (*objects.NamedPart,
	error,
) {
	secrets, err := x.Unwrap(ctx, u.Envelope, false, anyone)
	if err != nil {
		return nil, err
	}
	defer secrets.Wipe()
	record, err := x.StorePart(ctx, u, number, &body{data: data, kind: u.Kind()}, &secrets.DataKey)
	if err != nil {
		return nil, err
	}
	return &objects.NamedPart{Number: number, ETag: s3.EtagPrefix + record.StoreETag}, nil
}

// completeParts completes an upload, as the gateway does.
func completeParts(ctx context.Context, x *objects.Object, id string, list []objects.NamedPart,
	change func(c *objects.Completion)) (
	c *objects.Completion, err error,
) {
	err = x.Claimed(ctx, func(ctx context.Context, _ *state.Claim) error {
		u, err := x.FindUpload(ctx, id, true)
		if err != nil {
			return err
		}
		c = &objects.Completion{Object: x, Upload: u, List: fmt.Append(nil, list)}
		if change != nil {
			change(c)
		}
		if u.State == state.UploadCompleted {
			return c.Repeated(ctx)
		}
		return c.Run(ctx, list, anyone)
	}, x.Key)
	return c, err
}

func uploading(parts ...[]byte) func(context.Context, testing.TB, *installation, string) error {
	return func(ctx context.Context, t testing.TB, i *installation, key string) error {
		x := i.in(t, things, policy.CompleteMultipartUpload, key)
		u, list, err := storeParts(ctx, x, sseKMS, nil, crypto.FullObject, parts)
		if err == nil {
			_, err = completeParts(ctx, x, u.ID, list, nil)
		}
		if err != nil && u != nil { // its parts are the memory store's memory
			a, err := i.front.memory.Do(ctx, &store.Request{
				Operation: "AbortMultipartUpload", Method: "DELETE", Bucket: x.Record.StoreName, Key: key,
				Query: store.AppendQuery("", "uploadId", u.ID),
			})
			if err != nil {
				t.Fatal(err)
			}
			a.Close()
		}
		return err
	}
}
