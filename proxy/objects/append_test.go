package objects_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// middle is an object whose end, as an append reads it with the metadata, isn't all of it.
var middle = random(7, 150_000)

// An append that can't be carried out leaves the object as it was, and reads the client's body no further than it must.
func TestAppendsThatAreRefusedChangeNothing(t *testing.T) {
	broken := errors.New("the client's body broke off")
	wrong := s3.Refuse("BadDigest", "")
	for _, c := range []struct {
		name   string
		change func(o *objects.Options)
		old    []byte
		body   *body
		meet   func(r *store.Request) turn
		code   string
	}{
		{
			"a store without conditional PUT", lessAble(func(a *store.Abilities) { a.ConditionalPut = false }), small,
			&body{data: added}, nil, "NotImplemented",
		},
		{
			"a store without conditional Complete",
			lessAble(func(a *store.Abilities) { a.ConditionalComplete = false }),
			part, &body{data: added}, nil, "NotImplemented",
		},
		{
			"another checksum than the object's", nil, small, &body{data: added, kind: s3.ChecksumOf(crypto.SHA1)}, nil,
			"InvalidRequest",
		},
		{"a body that is found wrong", nil, small, &body{data: added, fail: wrong}, nil, "BadDigest"},
		{"a body that breaks off", nil, small, &body{data: added, size: 5000, short: broken}, nil, "InternalError"},
		{"a body that is found wrong behind a part", nil, part, &body{data: added, fail: wrong}, nil, "BadDigest"},
		{
			"a large body that breaks off", nil, small, &body{data: added, size: 400_000, short: broken}, nil,
			"InternalError",
		},
		{"more than an object may have", nil, small, &body{size: crypto.MaxObjectPut}, nil, "EntityTooLarge"},
		{"more than the last part may have", nil, part, &body{size: crypto.MaxPart}, nil, "EntityTooLarge"},
		{
			"the object is replaced while it is read", nil, middle, &body{data: added},
			once("GetObject", 1, refuse(412, "")), "ConditionalRequestConflict",
		},
		{
			"the object is damaged while it is read", nil, middle, &body{data: added},
			once("GetObject", 1, edit(flip(0))),
			"InternalError",
		},
		{
			"the object is damaged, and read with its metadata", nil, small, &body{data: added},
			once("GetObject", 0, edit(flip(0))),
			"InternalError",
		},
		{
			"what is read back is cut off", nil, nil, &body{data: added},
			once("GetObject", 1, edit(cut(10))), "ServiceUnavailable",
		},
		{
			"what is read back is gone", nil, nil, &body{data: added},
			once("GetObject", 1, refuse(404, "NoSuchKey")), "ConditionalRequestConflict",
		},
		{
			"a part is replaced", nil, part, &body{data: added}, on("UploadPartCopy", refuse(412, "")),
			"ConditionalRequestConflict",
		},
		{
			"the store finds another object", nil, small, &body{data: added}, on("PutObject", refuse(412, "")),
			"ConditionalRequestConflict",
		},
		{
			"the store finds none", nil, part, &body{data: added},
			on("CompleteMultipartUpload", refuse(404, "NoSuchKey")),
			"ConditionalRequestConflict",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := install(t, c.change)
			if c.old == nil { // a part that stays and one that is read back
				c.old = slices.Concat(part, middle)
				i.upload(t, "key", part, middle)
			} else {
				i.put(t, "key", c.old)
			}
			i.front.set(c.meet)
			_, err := appendTo(t.Context(), i.object(t, "key"), c.body, sseKMS)
			i.front.set(nil)
			wantCode(t, "append", err, c.code)
			i.wantRead(t, "the object", i.object(t, "key"), c.old)
		})
	}
}

// An object of as many parts as there may be grows no further.
func TestAnObjectOfAllPartsDoesNotGrow(t *testing.T) {
	i := install(t, nil)
	x, virtual, _ := i.sealManyParts(t, "key", crypto.MaxParts)
	i.front.set(on("GetObject", virtual))
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := &body{data: added}
	_, err = from.AppendTo(t.Context(), x, objects.Append{
		Body: b, Kind: s3.ChecksumOf(crypto.CRC64NVME), May: anyone, ReturnChecksum: b.keep, Encryption: sseKMS,
		Scratch: new(objects.Scratch),
	})
	wantCode(t, "append", err, "TooManyParts")
	if b.started {
		t.Error("the body was read")
	}
}

// The checksum of a grown object is as good as those that it is made from.
func TestChecksumsOfGrownObjects(t *testing.T) {
	i := install(t, nil)
	sha := s3.ChecksumOf(crypto.SHA256)
	crc := s3.ChecksumOf(crypto.CRC32)
	over := func(kind *s3.ChecksumKind, parts ...[]byte) []byte {
		h := kind.Make()
		for _, p := range parts {
			h.Write(sumOf(kind, p).Value)
		}
		return h.Sum(nil)
	}
	for _, c := range []struct {
		name string
		old  *body
		kind *s3.ChecksumKind // of what is appended
		want *crypto.Checksum
	}{
		{"a CRC", &body{data: small, kind: crc}, crc, sumOf(crc, slices.Concat(small, added))},
		{"a CRC of a part that stays", &body{data: part, kind: crc}, crc, sumOf(crc, slices.Concat(part, added))},
		{
			"a SHA of a small object", &body{data: small, kind: sha}, sha,
			sumOf(sha, slices.Concat(small, added)),
		},
		{
			"a SHA of a part that stays", &body{data: part, kind: sha}, sha,
			&crypto.Checksum{Type: crypto.Composite, Value: over(sha, part, added)},
		},
		{"none, of a part that stays", &body{data: part, bare: true}, sha, nil},
		{"none, and a CRC, of a part that stays", &body{data: part, bare: true}, crc, nil},
		{"none, of a small object", &body{data: small, bare: true}, crc, sumOf(crc, slices.Concat(small, added))},
	} {
		if _, err := putTo(t.Context(), i.object(t, "key"), sseKMS, c.old, objects.Conditions{}); err != nil {
			t.Fatal(err)
		}
		done, err := appendTo(t.Context(), i.object(t, "key"), &body{data: added, kind: c.kind}, sseKMS)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.want == nil && done.Checksum != nil || c.want != nil &&
			(done.Checksum == nil || done.Checksum.Type != c.want.Type ||
				!bytes.Equal(done.Checksum.Value, c.want.Value)) {
			t.Errorf("%s: %+v, want %+v", c.name, done.Checksum, c.want)
		}
		i.wantRead(t, c.name, i.object(t, "key"), slices.Concat(c.old.data, added))
	}
}

// An append whose key another operation holds is told to come again.
func TestAppendsWaitForTheKeysClaim(t *testing.T) {
	i := installOver(t, plainStore, state.Options{Alone: true, ClaimPatience: 50 * time.Millisecond}, nil)
	i.put(t, "key", small)
	x := i.in(t, things, policy.CompleteMultipartUpload, "key")
	c, err := i.state.Claim(t.Context(), x.Record, "test", "key")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	_, err = appendTo(t.Context(), i.object(t, "key"), &body{data: added}, sseKMS)
	wantCode(t, "append", err, "SlowDown")
	err = copyingSelf(sseKMS)(t.Context(), t, i, "key")
	wantCode(t, "a copy onto itself", err, "SlowDown")
	i.wantRead(t, "the object", x, small)
}
