package objects_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// Conditions on the destination of a copy hold whatever way the copy takes, and what fails them is named.
func TestConditionsOnACopysDestinationHoldWhateverTheWay(t *testing.T) {
	long := random(6, 10*mib+300)
	less := func(change func(a *store.Abilities)) func(o *objects.Options) { return lessAble(change) }
	for _, way := range []struct {
		name   string
		source []byte
		e      policy.Encryption
		change func(o *objects.Options)
	}{
		{"by the store", large, sseKMS, nil},
		{"with its metadata", small, sseKMS, nil},
		{"without bytes", []byte{}, sseKMS, nil},
		{"through the proxy", large, sseKMS, less(func(a *store.Abilities) { a.ConditionalCopy = false })},
		{"sealed anew", small, sseS3, nil},
		{"sealed anew as a stream", large, sseS3, nil},
		{"in pieces", long, sseKMS, func(o *objects.Options) { o.CopyLimit = 6 * mib }},
	} {
		t.Run(way.name, func(t *testing.T) {
			i := install(t, way.change)
			i.put(t, "source", way.source)
			i.put(t, "key", older)
			_, header := i.front.stored(t, things+"-s", "key")
			etag := header.Get("Etag")
			for _, c := range []struct {
				name, key string
				given     objects.Conditions
				code      string
				condition string
			}{
				{
					"the ETag is another", "key",
					objects.Conditions{Match: `"another"`},
					"PreconditionFailed",
					"If-Match",
				},
				{"there is nothing of that ETag", "none", objects.Conditions{Match: etag}, "NoSuchKey", ""},
				{
					"there is an object", "key",
					objects.Conditions{NoneMatch: "*"},
					"PreconditionFailed",
					"If-None-Match",
				},
				{"there is none", "new", objects.Conditions{NoneMatch: "*"}, "", ""},
				{"the ETag is this", "key", objects.Conditions{Match: etag}, "", ""},
			} {
				before, _ := i.front.stored(t, things+"-s", c.key)
				x := i.in(t, things, policy.CopyObject, c.key)
				_, _, err := copyTo(t.Context(), x, i.object(t, "source"), way.e,
					func(k *objects.Copy) { k.Conditions = c.given })
				if c.code == "" {
					if err != nil {
						t.Errorf("%s: %v", c.name, err)
					}
					i.wantRead(t, c.name, x, way.source)
					continue
				}
				if code := objects.Translate(err).Code; err == nil || code != c.code &&
					!(c.code == "NoSuchKey" && code == "ServiceUnavailable") {
					t.Errorf("%s: %v, want %s", c.name, err, c.code)
				}
				if c.condition != "" && way.name != "in pieces" &&
					!slices.Contains(objects.Translate(err).Elements,
						s3.Element{Name: "Condition", Value: c.condition}) {
					t.Errorf("%s: %+v names no %s", c.name, objects.Translate(err).Elements, c.condition)
				}
				if after, _ := i.front.stored(t, things+"-s", c.key); !bytes.Equal(before, after) {
					t.Errorf("%s: the destination was replaced", c.name)
				}
			}
		})
	}
}

// A copy in pieces is refused under conditions that the store's Complete ignores.
func TestCopiesInPiecesNeedConditionsOnComplete(t *testing.T) {
	i := install(t, func(o *objects.Options) { o.CopyLimit, o.Abilities.ConditionalComplete = 100*kib, false })
	i.put(t, "source", large)
	x := i.in(t, things, policy.CopyObject, "key")
	_, _, err := copyTo(t.Context(), x, i.object(t, "source"), sseKMS,
		func(k *objects.Copy) { k.Conditions.NoneMatch = "*" })
	wantCode(t, "a copy", err, "NotImplemented")
}

// A copy has the checksum that is wanted, or that of its source, or one where the source has none.
func TestChecksumsOfCopies(t *testing.T) {
	i := install(t, nil)
	for name, data := range map[string][]byte{"small": small, "large": large, "empty": {}} {
		for _, bare := range []bool{false, true} {
			if _, err := putTo(t.Context(), i.object(t, name), sseKMS, &body{data: data, bare: bare},
				objects.Conditions{}); err != nil {
				t.Fatal(err)
			}
			for _, wanted := range []crypto.Algorithm{0, crypto.CRC64NVME, crypto.SHA256} {
				for _, e := range []policy.Encryption{sseKMS, sseS3} {
					from, err := i.object(t, name).HeadWithTail(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					c := &objects.Copy{
						Object: i.in(t, things, policy.CopyObject, "copy"), Source: from, Encryption: e, May: anyone,
						Scratch:  new(objects.Scratch),
						Describe: describe(),
					}
					var kind *s3.ChecksumKind
					if wanted != 0 {
						kind = s3.ChecksumOf(wanted)
					}
					if _, err := c.Run(t.Context(), kind); err != nil {
						t.Fatal(err)
					}
					if bare && len(data) == 0 && kind == nil && e.SSE == sseKMS.SSE {
						if c.Checksum != nil {
							t.Errorf("%s: a checksum from nowhere", name)
						}
						continue
					}
					if kind == nil {
						kind = s3.ChecksumOf(crypto.CRC64NVME)
					}
					if c.Checksum == nil || c.Checksum.Algorithm != kind.Algorithm ||
						!bytes.Equal(c.Checksum.Value, sumOf(kind, data).Value) {
						t.Errorf("%s, bare %v, wanted %d, %s: %+v", name, bare, wanted, e.SSE, c.Checksum)
					}
					_, opened := i.open(t, i.object(t, "copy"))
					if sum, _, err := i.object(t, "copy").ChecksumOf(t.Context(), opened); err != nil ||
						!bytes.Equal(sum.Value, c.Checksum.Value) {
						t.Errorf("%s: the copy has %+v, %v", name, sum, err)
					}
				}
			}
		}
	}
}

// A source that is replaced at the last moment is found out, and the copy is one of the new object.
func TestASourceThatIsReplacedIsCopiedAnew(t *testing.T) {
	other := random(21, 150*kib)
	for name, c := range map[string]struct {
		operation string
		data      []byte
		e         policy.Encryption
		change    func(o *objects.Options)
	}{
		"by the store": {"CopyObject", large, sseKMS, nil},
		"through the proxy": {
			"GetObject", large, sseKMS,
			lessAble(func(a *store.Abilities) { a.ConditionalCopy = false }),
		},
		"under another key": {"GetObject", large, sseS3, nil},
		"a piece of it":     {"UploadPartCopy", large, sseKMS, func(o *objects.Options) { o.CopyLimit = 200 * kib }},
		"with another length": {
			"GetObject", large, sseKMS,
			lessAble(func(a *store.Abilities) { a.ConditionalCopy = false }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := install(t, c.change)
			i.put(t, "source", c.data)
			i.put(t, "key", older)
			skip := 0
			if c.operation == "GetObject" {
				skip = 1 // the first is for its end
			}
			var again turn = func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
				f.set(nil)
				i.put(t, "source", other)
				if name == "with another length" {
					return without("If-Match")(ctx, f, r)
				}
				return f.pass(ctx, r)
			}
			i.front.set(once(c.operation, skip, again))
			x := i.in(t, things, policy.CopyObject, "key")
			_, _, err := copyTo(t.Context(), x, i.object(t, "source"), c.e, func(k *objects.Copy) {
				if c.change != nil && c.operation == "GetObject" {
					_, header := i.front.stored(t, things+"-s", "key")
					k.Conditions.Match = header.Get("Etag")
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			i.wantRead(t, "the copy", x, other)
		})
	}
}

// A replaced source gives up after some attempts.
func TestASourceThatIsAlwaysReplacedEndsInAnError(t *testing.T) {
	i := install(t, nil)
	i.put(t, "source", large)
	i.front.set(on("CopyObject", refuse(412, "PreconditionFailed")))
	_, _, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "key"), i.object(t, "source"), sseKMS, nil)
	if sent := i.front.sent(); !errors.Is(err, objects.ErrReplaced) || len(sent) != 2*objects.GetAttempts {
		t.Errorf("%v after %v", err, sent)
	}
}

// What can't be sealed or described is an error before anything is written.
func TestWhatCantBeDescribedWritesNothing(t *testing.T) {
	i := install(t, nil)
	i.put(t, "source", large)
	i.put(t, "key", older)
	tooLong := sseKMS
	tooLong.Context = map[string]string{"a": strings.Repeat("b", 255), "c": strings.Repeat("d", 255)}
	for n := range 20 {
		tooLong.Context[strings.Repeat("n", n+2)] = strings.Repeat("v", 200)
	}
	refused := func(*store.Request, []byte) error { return s3.Refuse("MetadataTooLarge", "") }
	x := i.in(t, things, policy.CopyObject, "key")
	run := func(e policy.Encryption, describe func(*store.Request, []byte) error) error {
		_, _, err := copyTo(t.Context(), x, i.object(t, "source"), e, func(c *objects.Copy) {
			if describe != nil {
				c.Describe = describe
			}
		})
		return err
	}
	withContext := func(e policy.Encryption) policy.Encryption { e.Context = tooLong.Context; return e }
	send := func(e policy.Encryption, data []byte, describe func(*store.Request, []byte) error) error {
		var s objects.Scratch
		p := s.NewPut(x, e, &body{data: data}, x.Record.Created)
		p.Algorithm = crypto.SHA512
		_, err := p.Send(t.Context(), describe)
		return err
	}
	for name, got := range map[string]struct {
		err  error
		code string
	}{
		"a copy that stays":               {run(sseKMS, refused), "MetadataTooLarge"},
		"a copy under another key":        {run(sseS3, refused), "MetadataTooLarge"},
		"a copy with too much context":    {run(withContext(sseKMS), nil), "MetadataTooLarge"},
		"an object of bytes":              {send(sseKMS, small, refused), "MetadataTooLarge"},
		"an object of a stream":           {send(sseKMS, large, refused), "MetadataTooLarge"},
		"an object with too much context": {send(tooLong, small, describe()), "MetadataTooLarge"},
	} {
		wantCode(t, name, got.err, got.code)
	}
	_, err := x.CreateUpload(t.Context(), tooLong, nil, crypto.FullObject, x.Record.Created, &objects.Conditions{},
		describe())
	wantCode(t, "an upload with too much context", err, "MetadataTooLarge")
	_, err = x.CreateUpload(t.Context(), sseKMS, nil, crypto.FullObject, x.Record.Created, &objects.Conditions{},
		refused)
	wantCode(t, "an upload", err, "MetadataTooLarge")
	_, err = reencrypt(t.Context(), x, tooLong)
	wantCode(t, "a reencryption with too much context", err, "MetadataTooLarge")
	i.wantRead(t, "the object", x, older)
}

// Metadata stays with a copy, and where the store has no room for it beside the new envelope that is an error.
func TestMetadataStaysWithCopies(t *testing.T) {
	i := install(t, nil)
	value := strings.Repeat("v", 1200)
	i.put(t, "source", large, "content-type", "text/plain", "cache-control", "no-store", "x-amz-meta-mine", value)
	for _, e := range []policy.Encryption{sseKMS, sseS3} {
		if _, _, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "key"), i.object(t, "source"), e,
			nil); err != nil {
			t.Fatal(err)
		}
		_, header := i.front.stored(t, things+"-s", "key")
		if header.Get("Content-Type") != "text/plain" || header.Get("Cache-Control") != "no-store" ||
			header.Get("X-Amz-Meta-Mine") != value {
			t.Errorf("%s: the copy has %v", e.SSE, header)
		}
	}
	o := i.o
	o.Abilities.MetadataRoom = false
	narrow := &installation{
		Objects: objects.New(o), front: i.front, state: i.state, kms: i.kms, keys: i.keys,
		logs: i.logs,
	}
	if narrow.MaxMetadata() >= i.MaxMetadata() {
		t.Error("a store with less room has no less")
	}
	_, _, err := copyTo(t.Context(), narrow.in(t, things, policy.CopyObject, "key"), narrow.object(t, "source"), sseKMS,
		nil)
	wantCode(t, "a copy without room", err, "MetadataTooLarge")
	_, err = appendTo(t.Context(), narrow.object(t, "source"), &body{data: added}, sseKMS)
	wantCode(t, "an append without room", err, "MetadataTooLarge")
	i.put(t, "part", part, "x-amz-meta-mine", value)
	_, err = appendTo(t.Context(), narrow.object(t, "part"), &body{data: added}, sseKMS)
	wantCode(t, "an append to a part that stays, without room", err, "MetadataTooLarge")
	_, err = reencrypt(t.Context(), narrow.object(t, "source"), policy.Encryption{SSE: policy.SSEKMS, KeyARN: otherKey})
	wantCode(t, "another key without room", err, "MetadataTooLarge")
	err = rename(t.Context(), narrow.in(t, things, policy.RenameObject, "new"), "source", nil)
	wantCode(t, "a rename without room", err, "MetadataTooLarge")
}

// A version that isn't the current one is copied as it is, and replaces what is there.
func TestAnEarlierVersionIsCopied(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", large)
	i.front.set(func(r *store.Request) turn { r.Query = ""; return nil })
	var source string
	i.front.watch(func(r *store.Request) {
		for _, h := range r.Header {
			if string(h.Name) == "x-amz-copy-source" {
				source = string(h.Value)
				h.Value, _, _ = bytes.Cut(h.Value, []byte("?"))
			}
		}
	})
	from := i.object(t, "key")
	from.Version = "v 1"
	_, _, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "copy"), from, sseKMS, nil)
	if want := "/things-s/key?versionId=v%201"; source != want {
		t.Errorf("the store was asked for %s, want %s: %v", source, want, err)
	}
}

// Sealed bytes that pass through are cut off with their source: nothing comes of them.
func TestASourceThatIsCutOffIsNoCopy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(a *store.Abilities)
		code   string
	}{
		"through the proxy":       {func(a *store.Abilities) { a.AtomicSelfCopy = false }, "ServiceUnavailable"},
		"by way of another place": {func(a *store.Abilities) { a.ConditionalCopy = false }, "ServiceUnavailable"},
	} {
		i := install(t, lessAble(c.change))
		i.put(t, "key", large)
		i.front.set(once("GetObject", 1, edit(cut(10))))
		wantCode(t, name, copyingSelf(sseKMS)(t.Context(), t, i, "key"), c.code)
		i.front.set(nil)
		i.wantRead(t, name, i.object(t, "key"), large)
	}
}

// The date of a copy is the store's, or the request's where the store tells none.
func TestTheDateOfACopy(t *testing.T) {
	i := install(t, nil)
	i.put(t, "source", small)
	for _, told := range []bool{true, false} {
		i.front.set(on("PutObject", edit(func(a *answer) {
			a.header.Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
			if !told {
				a.header.Set("Date", "today")
			}
		})))
		var c *objects.Copy
		_, done, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "key"), i.object(t, "source"), sseKMS,
			func(k *objects.Copy) { c = k })
		if err != nil {
			t.Fatal(err)
		}
		if want := time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC); told && !done.Modified.Equal(want) || !told &&
			!done.Modified.Equal(c.Began) {
			t.Errorf("told %v: %s", told, done.Modified)
		}
	}
	i.front.set(nil)
}

// A piece of an object that was replaced by a shorter one is told from a range that can't be.
func TestAPieceOfAShorterObject(t *testing.T) {
	i := install(t, func(o *objects.Options) { o.CopyLimit = 200 * kib })
	i.put(t, "source", large)
	i.front.set(on("UploadPartCopy",
		before(func() { i.front.set(nil); i.put(t, "source", small) }).edit(func(a *answer) { a.status = 416 })))
	x := i.in(t, things, policy.CopyObject, "key")
	if _, _, err := copyTo(t.Context(), x, i.object(t, "source"), sseKMS, nil); err != nil {
		t.Fatal(err)
	}
	i.wantRead(t, "the copy", x, small)
}
