package objects_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// What a client says of the parts and of the object is compared with what is known.
func TestWhatACompleteSaysIsCompared(t *testing.T) {
	crc, sha := s3.ChecksumOf(crypto.CRC32), s3.ChecksumOf(crypto.SHA256)
	sizes := [][]byte{part, small}
	whole := slices.Concat(sizes...)
	composite := func() string {
		h := sha.Make()
		for _, data := range sizes {
			h.Write(sumOf(sha, data).Value)
		}
		return s3.ShownChecksum(&crypto.Checksum{Type: crypto.Composite, Algorithm: crypto.SHA256, Value: h.Sum(nil)},
			2)
	}()
	for _, c := range []struct {
		name    string
		kind    *s3.ChecksumKind
		sumType crypto.ChecksumType
		list    func(list []objects.NamedPart) []objects.NamedPart
		change  func(c *objects.Completion)
		code    string
	}{
		{"all is right", crc, crypto.FullObject, nil, func(c *objects.Completion) {
			c.Size, c.ChecksumType, c.Announced = fmt.Sprint(len(whole)), "FULL_OBJECT",
				s3.ChecksumText(sumOf(crc, whole))
		}, ""},
		{"all is right, over the parts", sha, crypto.Composite, nil, func(c *objects.Completion) {
			c.ChecksumType, c.Announced = "composite", composite
		}, ""},
		{"the checksum without its count", sha, crypto.Composite, nil, func(c *objects.Completion) {
			c.Announced, _, _ = strings.Cut(composite, "-")
		}, ""},
		{
			"another count", sha, crypto.Composite, nil,
			func(c *objects.Completion) { c.Announced = strings.Replace(composite, "-2", "-3", 1) }, "BadDigest",
		},
		{"another size", crc, crypto.FullObject, nil, func(c *objects.Completion) { c.Size = "7" }, "InvalidRequest"},
		{
			"another type", crc, crypto.FullObject, nil, func(c *objects.Completion) { c.ChecksumType = "COMPOSITE" },
			"InvalidRequest",
		},
		{
			"another checksum", crc, crypto.FullObject, nil, func(c *objects.Completion) { c.Announced = "AAAAAA==" },
			"BadDigest",
		},
		{"another checksum of a part", crc, crypto.FullObject, func(l []objects.NamedPart) []objects.NamedPart {
			l[0].Checksum = "AAAAAA=="
			return l
		}, nil, "BadDigest"},
		{"a part's checksum of another kind", crc, crypto.FullObject, func(l []objects.NamedPart) []objects.NamedPart {
			l[0].Kind = sha
			return l
		}, nil, "BadDigest"},
		{
			"a part's checksum of a kind that nobody asked for", nil, crypto.FullObject,
			func(l []objects.NamedPart) []objects.NamedPart {
				l[0].Checksum, l[0].Kind = "AAAAAA==", crc
				return l
			}, nil, "",
		},
		{"a part without its checksum", sha, crypto.Composite, func(l []objects.NamedPart) []objects.NamedPart {
			l[0].Checksum = ""
			return l
		}, nil, "InvalidRequest"},
		{
			"a part without its checksum, which may be left out", crc, crypto.FullObject,
			func(l []objects.NamedPart) []objects.NamedPart {
				l[0].Checksum = ""
				return l
			}, nil, "",
		},
		{
			"a gap where checksums count", sha, crypto.Composite,
			func(l []objects.NamedPart) []objects.NamedPart { return l[1:] }, nil, "InvalidPartOrder",
		},
		{"a part that isn't there", crc, crypto.FullObject, func(l []objects.NamedPart) []objects.NamedPart {
			return []objects.NamedPart{l[0], {Number: 3, ETag: "sf-x"}}
		}, nil, "InvalidPart"},
		{
			"another ETag", crc, crypto.FullObject,
			func(l []objects.NamedPart) []objects.NamedPart { l[0].ETag = "sf-x"; return l }, nil, "InvalidPart",
		},
		{"a small part that isn't the last", crc, crypto.FullObject, func(l []objects.NamedPart) []objects.NamedPart {
			return append(l, objects.NamedPart{Number: 3, ETag: l[1].ETag})
		}, nil, "EntityTooSmall"},
		{
			"a condition that fails", crc, crypto.FullObject, nil,
			func(c *objects.Completion) { c.Conditions.Match = `"x"` }, "NoSuchKey",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := install(t, nil)
			x := i.in(t, things, policy.CompleteMultipartUpload, "key")
			u, list, err := storeParts(t.Context(), x, sseKMS, c.kind, c.sumType, sizes)
			if err != nil {
				t.Fatal(err)
			}
			if c.list != nil {
				list = c.list(list)
			}
			_, err = completeParts(t.Context(), x, u.ID, list, c.change)
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				i.wantRead(t, "the object", x, whole)
				return
			}
			wantCode(t, "complete", err, c.code)
			i.wantRead(t, "the object", x, nil)
			if found, err := x.FindUpload(t.Context(), u.ID, true); err != nil || found.State != state.UploadOpen {
				t.Errorf("the upload: %+v, %v", found, err)
			}
		})
	}
}

// A Complete that is repeated gets its answer again while the object is unchanged.
func TestARepeatedCompleteGetsItsAnswerAgain(t *testing.T) {
	for _, parts := range [][][]byte{{small}, {part, small}} {
		i := install(t, nil)
		x := i.in(t, things, policy.CompleteMultipartUpload, "key")
		u, list, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, parts)
		if err != nil {
			t.Fatal(err)
		}
		// The upload's end can't be written down: the object is there all the same.
		i.records.set(failing("Put", "/upload"))
		done, err := completeParts(t.Context(), x, u.ID, list, nil)
		i.records.set(nil)
		if err != nil || !i.logged("a completed upload could not be marked as ended") {
			t.Fatal(err)
		}
		// So the upload still is open to whoever repeats it.
		again, err := completeParts(t.Context(), x, u.ID, list, nil)
		if err != nil || again.ETag != done.ETag || again.Checksum != done.Checksum {
			t.Errorf("again: %+v, %v", again, err)
		}
		// And now it is completed.
		again, err = completeParts(t.Context(), x, u.ID, list, nil)
		if err != nil || again.ETag != done.ETag || again.Checksum != done.Checksum {
			t.Errorf("again: %+v, %v", again, err)
		}
		_, err = completeParts(t.Context(), x, u.ID, append(list, objects.NamedPart{Number: 7}), nil)
		wantCode(t, "with another list", err, "NoSuchUpload")
		i.front.set(on("HeadObject", drop))
		_, err = completeParts(t.Context(), x, u.ID, list, nil)
		i.front.set(nil)
		wantCode(t, "while the object can't be looked at", err, "ServiceUnavailable")
		i.put(t, "key", older)
		_, err = completeParts(t.Context(), x, u.ID, list, nil)
		wantCode(t, "when the object is another", err, "NoSuchUpload")
	}
}

// An open upload whose object is there already is completed, even when its part records are gone; a sum that is
// wrong is an error all the same.
func TestAnEarlierCompleteThatGotThrough(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.CompleteMultipartUpload, "key")
	u, list, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, [][]byte{part, small})
	if err != nil {
		t.Fatal(err)
	}
	i.records.set(failing("Put", "/upload"))
	if _, err := completeParts(t.Context(), x, u.ID, list, nil); err != nil {
		t.Fatal(err)
	}
	i.records.set(nil)
	_, err = completeParts(t.Context(), x, u.ID, list, func(c *objects.Completion) { c.Announced = "AAAA" })
	wantCode(t, "with another checksum", err, "BadDigest")
	done, err := completeParts(t.Context(), x, u.ID, []objects.NamedPart{{Number: 9, ETag: "sf-gone"}}, nil)
	if err != nil || done.Checksum != "" {
		t.Errorf("without part records: %+v, %v", done, err)
	}
}

// Conditions of a Complete hold, and are refused where the store would ignore them.
func TestConditionsOfAComplete(t *testing.T) {
	for _, parts := range [][][]byte{{small}, {part, small}, {{}}} {
		i := install(t, nil)
		i.put(t, "key", older)
		_, header := i.front.stored(t, things+"-s", "key")
		for _, c := range []struct {
			given objects.Conditions
			code  string
		}{
			{objects.Conditions{NoneMatch: "*"}, "PreconditionFailed"},
			{objects.Conditions{Match: `"another"`}, "PreconditionFailed"},
			{objects.Conditions{Match: header.Get("Etag")}, ""},
		} {
			x := i.in(t, things, policy.CompleteMultipartUpload, "key")
			_, err := upload(t.Context(), x, sseKMS, nil, crypto.FullObject, parts,
				func(k *objects.Completion) { k.Conditions = c.given })
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				continue
			}
			wantCode(t, "complete", err, c.code)
			i.wantRead(t, "the object", x, older)
		}
		i = install(t, lessAble(func(a *store.Abilities) { a.ConditionalComplete, a.ConditionalPut = false, false }))
		x := i.in(t, things, policy.CompleteMultipartUpload, "key")
		_, err := upload(t.Context(), x, sseKMS, nil, crypto.FullObject, parts,
			func(k *objects.Completion) { k.Conditions.NoneMatch = "*" })
		wantCode(t, "on a store without conditions", err, "NotImplemented")
		i.front.watch(func(r *store.Request) {
			for _, h := range r.Header {
				if name := string(h.Name); name == "If-Match" || name == "If-None-Match" {
					t.Errorf("%s has %s", r.Operation, name)
				}
			}
		})
		if _, err := upload(t.Context(), x, sseKMS, nil, crypto.FullObject, parts, nil); err != nil {
			t.Error(err)
		}
	}
}

// Whatever a store says to Complete, the object that is there counts.
func TestWhatAStoreSaysToComplete(t *testing.T) {
	big := [][]byte{part, small}
	for _, c := range []struct {
		name  string
		parts [][]byte
		meet  func(i *installation) func(r *store.Request) turn
		code  string // "" for success
	}{
		{"200 for nothing", big, always("CompleteMultipartUpload",
			write("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")), "InternalError"},
		{
			"200 that claims nothing", big,
			always("CompleteMultipartUpload", write("<CompleteMultipartUploadResult/>")),
			"InternalError",
		},
		{"200 with an error", big, always("CompleteMultipartUpload",
			write("<Error><Code>InternalError</Code></Error>")), "InternalError"},
		{
			"200 that ends early", big, always("CompleteMultipartUpload",
				edit(func(a *answer) { a.body = a.body[:9] })),
			"",
		},
		{
			"an answer that is too long", big,
			always("CompleteMultipartUpload", edit(func(a *answer) { a.length = 1 << 20 })), "",
		},
		{"an error for what is done, and the upload stays", big, func(*installation) func(r *store.Request) turn {
			return first(on("CompleteMultipartUpload", lose), on("AbortMultipartUpload", drop))
		}, ""},
		{
			"the part is gone, and the end stands", big, always("CompleteMultipartUpload", refuse(400, "InvalidPart")),
			"InvalidPart",
		},
		{"the end was replaced once", big, func(*installation) func(r *store.Request) turn {
			return first(once("CompleteMultipartUpload", 0, refuse(400, "InvalidPart")),
				once("ListParts", 0, write("<ListPartsResult/>")))
		}, ""},
		{
			"the key changes all the time", big, always("CompleteMultipartUpload", refuse(412, "PreconditionFailed")),
			"OperationAborted",
		},
		{"the key changes once", big, func(*installation) func(r *store.Request) turn {
			return once("CompleteMultipartUpload", 0, refuse(409, ""))
		}, ""},
		{"a delete marker that can't be written over", big, func(*installation) func(r *store.Request) turn {
			return once("CompleteMultipartUpload", 0, refuse(501, "NotImplemented"))
		}, ""},
		{
			"what isn't a delete marker can't be written over", big,
			always("CompleteMultipartUpload", refuse(501, "NotImplemented")), "NotImplemented",
		},
		{"another refusal", big, always("CompleteMultipartUpload", refuse(400, "MalformedXML")), "InternalError"},
		{"the object can't be looked at afterwards", big, func(*installation) func(r *store.Request) turn {
			return once("HeadObject", 1, drop)
		}, "ServiceUnavailable"},
		{"the stash is gone", big, always("GetObject", refuse(404, "NoSuchKey")), "InternalError"},
		{"the stash is lost", big, always("GetObject", drop), "ServiceUnavailable"},
		{
			"the stash has another length", big,
			always("GetObject", edit(func(a *answer) { a.body, a.length = a.body[:9], 9 })), "InternalError",
		},
		{"the stash is cut off", big, always("GetObject", edit(cut(9))), "InternalError"},
		{
			"of a stashed part alone: the key changes all the time",
			[][]byte{small},
			always("PutObject", refuse(412, "")),
			"OperationAborted",
		},
		{
			"of a stashed part alone: the key changes once",
			[][]byte{small},
			func(*installation) func(r *store.Request) turn { return once("PutObject", 0, refuse(412, "")) }, "",
		},
		{"of a stashed part alone: the answer is lost", [][]byte{small}, always("PutObject", lose), ""},
		{
			"of a stashed part alone: the store refuses",
			[][]byte{small},
			always("PutObject", refuse(400, "EntityTooLarge")), "EntityTooLarge",
		},
		{"of a stashed part alone: all is lost", [][]byte{small}, func(*installation) func(r *store.Request) turn {
			return first(on("PutObject", drop), once("HeadObject", 1, drop))
		}, "ServiceUnavailable"},
		{
			"of a stashed part alone: the stash is cut off",
			[][]byte{small},
			always("GetObject", edit(cut(9))),
			"InternalError",
		},
		{"of no bytes", [][]byte{{}}, always("PutObject", lose), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := install(t, nil)
			x := i.in(t, things, policy.CompleteMultipartUpload, "key")
			if !strings.Contains(c.name, "a delete marker that can't") {
				i.put(t, "key", older)
			}
			u, list, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, c.parts)
			if err != nil {
				t.Fatal(err)
			}
			i.front.set(c.meet(i))
			_, err = completeParts(t.Context(), x, u.ID, list, nil)
			i.front.set(nil)
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				i.wantRead(t, "the object", x, append([]byte{}, slices.Concat(c.parts...)...))
				return
			}
			wantCode(t, "complete", err, c.code)
			if !strings.Contains(c.name, "afterwards") {
				i.wantRead(t, "the object", x, older)
			}
		})
	}
}

func always(operation string, do turn) func(*installation) func(r *store.Request) turn {
	return func(*installation) func(r *store.Request) turn { return on(operation, do) }
}

// A Complete that got through before another object came, or a deletion, was one.
func TestACompleteBeforeAnotherObjectCame(t *testing.T) {
	for _, deletes := range []bool{false, true} {
		i := install(t, nil)
		x := i.in(t, things, policy.CompleteMultipartUpload, "key")
		i.put(t, "key", older)
		u, list, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, [][]byte{part, small})
		if err != nil {
			t.Fatal(err)
		}
		i.front.set(once("CompleteMultipartUpload", 0, after(func() {
			i.front.set(nil)
			if deletes {
				i.front.remove(t, things+"-s", "key")
			} else {
				i.put(t, "key", small)
			}
		})))
		done, err := completeParts(t.Context(), x, u.ID, list, nil)
		if err != nil || done.ETag == "" {
			t.Errorf("deletes %v: %+v, %v", deletes, done, err)
		}
		want := small
		if deletes {
			want = nil
		}
		i.wantRead(t, "the object", x, want)
	}
}

// Without bytes an upload's object is its envelope alone, of one part.
func TestAnUploadWithoutBytes(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.CompleteMultipartUpload, "key")
	kind := s3.ChecksumOf(crypto.SHA256)
	if _, err := upload(t.Context(), x, sseKMS, kind, crypto.Composite, [][]byte{{}}, nil); err != nil {
		t.Fatal(err)
	}
	from, opened := i.open(t, x)
	if from.Envelope.Multipart || opened.Length != 0 ||
		string(opened.Secrets.Checksum.Value) != string(sumOf(kind, nil).Value) {
		t.Errorf("%+v", opened.Secrets.Checksum)
	}
	stored, header := i.front.stored(t, things+"-s", "key")
	if len(stored) != 0 || header.Get(envelopeHeader) == "" {
		t.Errorf("%d bytes, %v", len(stored), header)
	}
}

// Faults before anything is assembled end in errors.
func TestACompleteThatCantBegin(t *testing.T) {
	for name, spoil := range map[string]func(i *installation){
		"part records": func(i *installation) { i.records.set(failing("List", "parts/")) },
		"a look":       func(i *installation) { i.front.set(on("HeadObject", drop)) },
		"KMS": func(i *installation) {
			i.keys.DropAll()
			i.kms.setFail(customKey, kmsError{"ThrottlingException", ""})
		},
	} {
		for _, parts := range [][][]byte{{small}, {{}}} {
			i := install(t, nil)
			x := i.in(t, things, policy.CompleteMultipartUpload, "key")
			u, list, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, parts)
			if err != nil {
				t.Fatal(err)
			}
			spoil(i)
			_, err = completeParts(t.Context(), x, u.ID, list, nil)
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			i.front.set(nil)
			i.records.set(nil)
			i.wantRead(t, name, i.object(t, "key"), nil)
		}
	}
}
