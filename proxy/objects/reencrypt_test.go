package objects_test

import (
	"testing"

	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// An object keeps its ETag under another key, on every store that can give it, and is refused on any other.
func TestAnotherKeyKeepsTheETag(t *testing.T) {
	other := policy.Encryption{SSE: policy.SSEKMS, KeyARN: otherKey, BucketKey: true}
	noCopy := func(a *store.Abilities) { a.CopyKeepsETag = false }
	bytesCount := func(a *store.Abilities) { a.CopyKeepsETag, a.ETagOfBytes = false, true }
	md5 := memstore.Options{MD5: true}
	long := random(6, 10*mib+300)
	put := func(data []byte) func(t *testing.T, i *installation) {
		return func(t *testing.T, i *installation) { i.put(t, "key", data) }
	}
	for _, c := range []struct {
		name    string
		store   memstore.Options
		able    func(a *store.Abilities)
		limit   int64
		prepare func(t *testing.T, i *installation)
		meet    func(r *store.Request) turn
		code    string // "" for success
		changes bool   // the ETag; what the store was seen to do isn't what it does
	}{
		{"by a copy", md5, func(*store.Abilities) {}, 0, put(large), nil, "", false},
		{"small, of bytes", md5, noCopy, 0, put(small), nil, "", false},
		{"large, of bytes", md5, noCopy, 0, put(large), nil, "", false},
		{"empty, of bytes", md5, noCopy, 0, put([]byte{}), nil, "", false},
		{"empty, of something else", memstore.Options{}, noCopy, 0, put([]byte{}), nil, "NotImplemented", false},
		{"of something else", memstore.Options{}, noCopy, 0, put(small), nil, "NotImplemented", false},
		{
			"of parts", md5, noCopy, 0, func(t *testing.T, i *installation) { i.upload(t, "key", part, small) }, nil,
			"",
			false,
		},
		{"of a part", md5, noCopy, 0, func(t *testing.T, i *installation) { i.upload(t, "key", part) }, nil, "", false},
		{
			"small, of a part", md5, noCopy, 0, func(t *testing.T, i *installation) { i.upload(t, "key", small) }, nil,
			"",
			false,
		},
		{
			"of parts on a store without conditions on Complete", md5,
			func(a *store.Abilities) { noCopy(a); a.ConditionalComplete = false }, 0,
			func(t *testing.T, i *installation) { i.upload(t, "key", part, small) }, nil, "NotImplemented", false,
		},
		{"copied in pieces", md5, noCopy, 5*mib + 512*kib, func(t *testing.T, i *installation) {
			i.put(t, "source", random(6, 15*mib+512*kib))
			if err := copying(sseKMS)(t.Context(), t, i, "key"); err != nil {
				t.Fatal(err)
			}
		}, nil, "", false},
		{"larger than a copy, of bytes", md5, noCopy, 200 * kib, put(large), nil, "NotImplemented", false},
		{
			"of as many parts as it can't have", md5, noCopy, 0, put(large),
			edited("GetObject", `"0123456789abcdef0123456789abcdef-9"`), "NotImplemented", false,
		},
		{
			"small, of other bytes", md5, noCopy, 0, put(small),
			edited("GetObject", `"0123456789abcdef0123456789abcdef"`),
			"NotImplemented", false,
		},
		{"large, of other bytes", md5, noCopy, 0, put(large), first(
			on("GetObject", without("If-Match").edit(setHeader("Etag", `"0123456789abcdef0123456789abcdef"`))),
			on("PutObject", without("If-Match")),
		), "NotImplemented", false},
		{
			"large, and cut off", md5, noCopy, 0, put(large), once("GetObject", 1, edit(cut(100))),
			"ServiceUnavailable",
			false,
		},
		{
			"large, and all but cut off", md5, noCopy, 0, put(large), once("GetObject", 1, edit(cut(1))),
			"InternalError",
			false,
		},
		{
			"of parts with other MD5s", md5, noCopy, 0,
			func(t *testing.T, i *installation) { i.upload(t, "key", part, small) }, func(r *store.Request) turn {
				if r.Operation == "UploadPartCopy" {
					return write("<CopyPartResult><ETag>0123456789abcdef0123456789abcdef</ETag></CopyPartResult>")
				}
				return nil
			}, "NotImplemented", false,
		},
		{
			"of parts with ETags of another kind", md5, noCopy, 0,
			func(t *testing.T, i *installation) { i.upload(t, "key", part, small) }, func(r *store.Request) turn {
				if r.Operation == "UploadPartCopy" {
					return write("<CopyPartResult><ETag>x</ETag></CopyPartResult>")
				}
				return nil
			}, "NotImplemented", false,
		},
		{"by what a store of ETags of bytes should do", memstore.Options{}, bytesCount, 0, put(large), nil, "", true},
		{
			"by what a store of ETags of bytes should do, in pieces",
			memstore.Options{},
			bytesCount, 6 * mib, put(long),
			nil, "", true,
		},
		{"by a copy in pieces", md5, func(a *store.Abilities) { bytesCount(a) }, 6 * mib, put(long), nil, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := installOver(t, c.store, alone,
				func(o *objects.Options) { c.able(&o.Abilities); o.CopyLimit = c.limit })
			c.prepare(t, i)
			x := i.in(t, things, policy.UpdateObjectEncryption, "key")
			before, header := i.front.stored(t, things+"-s", "key")
			old, err := i.read(t, x)
			if err != nil {
				t.Fatal(err)
			}
			i.front.set(c.meet)
			done, err := reencrypt(t.Context(), x, other)
			i.front.set(nil)
			after, now := i.front.stored(t, things+"-s", "key")
			if string(before) != string(after) {
				t.Error("the sealed bytes changed")
			}
			i.wantRead(t, "the object", x, old)
			from, opened := i.open(t, x)
			if c.code != "" {
				wantCode(t, "another key", err, c.code)
				if from.Envelope.KeyARN != customKey {
					t.Error("the key changed")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if from.Envelope.KeyARN != otherKey || opened.Length != int64(len(old)) {
				t.Errorf("the key is %s", from.Envelope.KeyARN)
			}
			if (header.Get("Etag") != now.Get("Etag")) != c.changes ||
				s3.Unquote(done.ETag) != s3.Unquote(now.Get("Etag")) {
				t.Errorf("ETag %s, was %s, told %s", now.Get("Etag"), header.Get("Etag"), done.ETag)
			}
			if i.logged("the store gave an object a different ETag") != c.changes {
				t.Error("the log doesn't say what happened to the ETag")
			}
		})
	}
}

// edited gives the answers to an operation another ETag.
func edited(operation, etag string) func(r *store.Request) turn {
	return on(operation, edit(setHeader("Etag", etag)))
}
