package objects_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

func failing(operation, text string) func(op, name string) error {
	return func(op, name string) error {
		if op == operation && strings.Contains(name, text) {
			return errRecords
		}
		return nil
	}
}

// An upload whose record can't be written is none: the client never hears of it, and the store's is aborted.
func TestAnUploadWithoutARecordIsNone(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.CreateMultipartUpload, "key")
	for _, lost := range []bool{false, true} {
		i.records.set(failing("Put", "uploads/"))
		i.front.set(func(r *store.Request) turn {
			if lost && r.Operation == "AbortMultipartUpload" {
				return drop
			}
			return nil
		})
		_, err := x.CreateUpload(t.Context(), sseKMS, nil, crypto.FullObject, time.Now(), &objects.Conditions{},
			describe())
		wantCode(t, "create", err, "ServiceUnavailable")
		if sent := i.front.sent(); sent[len(sent)-1] != "AbortMultipartUpload" {
			t.Errorf("the store's upload is left: %v", sent)
		}
		if i.logged("a store's upload that has no record could not be aborted") != lost {
			t.Errorf("logged, though lost is %v", lost)
		}
	}
	i.records.set(nil)
	i.front.set(on("CreateMultipartUpload", refuse(400, "InvalidStorageClass")))
	_, err := x.CreateUpload(t.Context(), sseKMS, nil, crypto.FullObject, time.Now(),
		&objects.Conditions{StorageClass: "x"}, describe())
	wantCode(t, "a class that the store doesn't have", err, "InvalidStorageClass")
}

// An upload is found by its id, at its own key only.
func TestUploadsAreFoundAtTheirOwnKey(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.CreateMultipartUpload, "key")
	kind := s3.ChecksumOf(crypto.SHA256)
	u, err := x.CreateUpload(t.Context(), sseKMS, kind, crypto.Composite, time.Now(), &objects.Conditions{},
		describe("x-amz-meta-a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	if len(u.Header) != 1 || u.Header[0].Name != "x-amz-meta-a" || u.Header[0].Value != "b" {
		t.Errorf("the record has the header %v", u.Header)
	}
	for _, fresh := range []bool{false, true} {
		found, err := x.FindUpload(t.Context(), u.ID, fresh)
		if err != nil {
			t.Fatal(err)
		}
		if found.Kind() != kind || found.Encryption().KeyARN != customKey || !found.Encryption().BucketKey {
			t.Errorf("found %+v", found.Upload)
		}
	}
	_, err = x.FindUpload(t.Context(), "another", true)
	wantCode(t, "another id", err, "NoSuchUpload")
	_, err = i.object(t, "another").FindUpload(t.Context(), u.ID, true)
	wantCode(t, "another key", err, "NoSuchUpload")
	i.records.set(failing("Get", "uploads/"))
	_, err = x.FindUpload(t.Context(), u.ID, true)
	wantCode(t, "a record that can't be had", err, "ServiceUnavailable")
	i.records.set(nil)
	damaged := *u
	damaged.Envelope, damaged.ID = []byte("x"), "damaged"
	if err := i.state.CreateUpload(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	if _, err = x.FindUpload(t.Context(), "damaged", false); err == nil {
		t.Error("an envelope that can't be read: no error")
	}
}

// An aborted upload is gone from the store before its record says so.
func TestAbort(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.AbortMultipartUpload, "key")
	u, _, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, [][]byte{small})
	if err != nil {
		t.Fatal(err)
	}
	for name, turn := range map[string]turn{"lost": drop, "refused": refuse(503, "")} {
		i.front.set(on("AbortMultipartUpload", turn))
		wantCode(t, name, x.Abort(t.Context(), u), "ServiceUnavailable")
		i.front.set(nil)
		if found, err := x.FindUpload(t.Context(), u.ID, true); err != nil || found.State != state.UploadOpen {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
	i.records.set(failing("Put", "uploads/"))
	wantCode(t, "a record that can't be written", x.Abort(t.Context(), u), "ServiceUnavailable")
	i.records.set(nil)
	if err := x.Abort(t.Context(), u); err != nil { // the store has none any more
		t.Fatal(err)
	}
	if found, err := x.FindUpload(t.Context(), u.ID, true); err != nil || found.State != state.UploadAborted {
		t.Errorf("%+v, %v", found, err)
	}
}

// A part counts when its record is written, and no earlier.
func TestFaultsOfAPart(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.UploadPart, "key")
	u, _, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, nil)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := x.Unwrap(t.Context(), u.Envelope, false, anyone)
	if err != nil {
		t.Fatal(err)
	}
	defer secrets.Wipe()
	wrong := errors.New("wrong")
	for _, c := range []struct {
		name string
		body *body
		meet func(r *store.Request) turn
		fail func(op, name string) error
		code string
	}{
		{
			"the store's upload is gone", &body{data: part}, on("UploadPart", refuse(404, "NoSuchUpload")), nil,
			"NoSuchUpload",
		},
		{"the store is away", &body{data: part}, on("UploadPart", refuse(503, "")), nil, "ServiceUnavailable"},
		{"the request is lost", &body{data: small}, on("PutObject", drop), nil, "ServiceUnavailable"},
		{"the body is wrong", &body{data: small, fail: s3.Refuse("BadDigest", "")}, nil, nil, "BadDigest"},
		{"the body breaks off", &body{data: small, size: 2000, short: wrong}, nil, nil, "InternalError"},
		{"the record can't be written", &body{data: small}, nil, failing("Put", "parts/"), "ServiceUnavailable"},
	} {
		i.front.set(c.meet)
		i.records.set(c.fail)
		_, err := x.StorePart(t.Context(), u, 1, c.body, &secrets.DataKey)
		i.front.set(nil)
		i.records.set(nil)
		wantCode(t, c.name, err, c.code)
		if parts, _, err := i.state.Parts(t.Context(), u.Upload, 0, 9); err != nil || len(parts) > 0 {
			t.Errorf("%s: %d parts, %v", c.name, len(parts), err)
		}
	}
}

// The part that is always the proxy's is stashed, whatever its size.
func TestTheLastPartNumberIsStashed(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.CompleteMultipartUpload, "key")
	u, _, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := storePart(t.Context(), x, u, 1, part)
	if err != nil {
		t.Fatal(err)
	}
	i.front.set(nil)
	last, err := storePart(t.Context(), x, u, objects.LastPart, part)
	if err != nil {
		t.Fatal(err)
	}
	if sent := i.front.sent(); !slices.Equal(sent, []string{"PutObject"}) {
		t.Errorf("sent %v", sent)
	}
	if _, err := completeParts(t.Context(), x, u.ID, []objects.NamedPart{*first, *last}, nil); err != nil {
		t.Fatal(err)
	}
	i.wantRead(t, "the object", x, slices.Concat(part, part))
}

// The janitor is told that an upload is over when the store says so and the object isn't the upload's.
func TestAnUploadIsGoneWhenTheStoreSaysSo(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.CompleteMultipartUpload, "key")
	u, list, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, [][]byte{small})
	if err != nil {
		t.Fatal(err)
	}
	want := func(name string, u *state.Upload, gone, fails bool) {
		t.Helper()
		if is, err := i.UploadGone(t.Context(), u); is != gone || (err != nil) != fails {
			t.Errorf("%s: gone %v, %v", name, is, err)
		}
	}
	want("open", u.Upload, false, false)
	i.front.set(on("ListParts", drop))
	want("lost", u.Upload, false, true)
	i.front.set(on("ListParts", refuse(500, "")))
	want("refused", u.Upload, false, true)
	i.front.set(on("ListParts", refuse(404, "NoSuchUpload")))
	want("the store has none, and no object", u.Upload, true, false)
	i.front.set(first(on("ListParts", refuse(404, "NoSuchUpload")), on("HeadObject", drop)))
	want("the object can't be looked at", u.Upload, false, true)
	i.front.set(first(on("ListParts", refuse(404, "NoSuchUpload")), on("HeadObject", refuse(500, ""))))
	want("the object can't be looked at, says the store", u.Upload, false, true)
	i.front.set(nil)
	if _, err := completeParts(t.Context(), x, u.ID, list, nil); err != nil {
		t.Fatal(err)
	}
	broken := *u.Upload
	broken.Envelope = nil
	want("completed, and the record is broken", &broken, false, true)
	// An object without an envelope of the upload: this one was small, so it has the upload's id.
	want("completed", u.Upload, false, false)
	i.put(t, "key", older)
	want("another object lies there", u.Upload, true, false)
	elsewhere := *u.Upload
	elsewhere.Incarnation = "another"
	want("of an earlier bucket", &elsewhere, true, false)
	elsewhere.Bucket = "gone"
	want("of a bucket that is gone", &elsewhere, true, false)
	elsewhere.Bucket = "unknown"
	i.records.set(func(string, string) error { return errRecords })
	want("of a bucket whose record can't be read", &elsewhere, false, true)
}

// The attempt at a part that stands is the store's, whatever order its answers came in.
func TestTheAttemptThatStandsIsTheStores(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.CompleteMultipartUpload, "key")
	begin := func(kind *s3.ChecksumKind) *objects.Upload {
		u, _, err := storeParts(t.Context(), x, sseKMS, kind, crypto.FullObject, nil)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	attempt := func(u *objects.Upload, number int, data []byte) objects.NamedPart {
		named, err := storePart(t.Context(), x, u, number, data)
		if err != nil {
			t.Fatal(err)
		}
		return *named
	}
	other := random(31, crypto.MinPartSize)

	u := begin(nil)
	early := attempt(u, 1, part)
	late := attempt(u, 1, other)
	if _, err := completeParts(t.Context(), x, u.ID, []objects.NamedPart{early},
		nil); objects.Translate(err).Code != "InvalidPart" {
		t.Errorf("an attempt that was replaced: %v", err)
	}
	if _, err := completeParts(t.Context(), x, u.ID, []objects.NamedPart{late}, nil); err != nil {
		t.Fatal(err)
	}
	i.wantRead(t, "the later attempt", x, other)

	// A request that was repeated has two answers; either names the part.
	u = begin(nil)
	early = attempt(u, 1, part)
	attempt(u, 1, part)
	if _, err := completeParts(t.Context(), x, u.ID, []objects.NamedPart{early}, nil); err != nil {
		t.Fatal(err)
	}
	i.wantRead(t, "the first answer", x, part)

	// A stashed attempt and one of the store within a second are both the part.
	u = begin(nil)
	stashed := attempt(u, 1, small)
	attempt(u, 1, part)
	if _, err := completeParts(t.Context(), x, u.ID, []objects.NamedPart{stashed}, nil); err != nil {
		t.Fatal(err)
	}

	// What the store says of its parts.
	for _, c := range []struct {
		name string
		turn turn
		code string
	}{
		{"the request is lost", drop, "ServiceUnavailable"},
		{"the store fails", refuse(500, ""), "InternalError"},
		{"no document", write("what?"), "InternalError"},
		{"half a document", edit(cut(9)), "ServiceUnavailable"},
		{
			"a page without progress", write("<ListPartsResult><IsTruncated>true</IsTruncated>" +
				"<Part><PartNumber>0</PartNumber></Part></ListPartsResult>"), "",
		},
		{"no such upload", refuse(404, "NoSuchUpload"), ""},
	} {
		u = begin(nil)
		attempt(u, 1, part)
		attempt(u, 1, other)
		all, _, err := i.state.Parts(t.Context(), u.Upload, 0, 9)
		if err != nil {
			t.Fatal(err)
		}
		i.front.set(on("ListParts", c.turn))
		known, err := x.Attempts(t.Context(), u, all)
		if c.code != "" {
			wantCode(t, c.name, err, c.code)
			_, err = completeParts(t.Context(), x, u.ID, []objects.NamedPart{{Number: 1}}, nil)
			wantCode(t, c.name, err, c.code)
		} else if err != nil || len(known[1].Current) != 2 {
			t.Errorf("%s: %v, %v", c.name, known, err)
		}
		i.front.set(nil)
		if err := x.Abort(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}

	// Listings come page by page.
	u = begin(nil)
	for _, n := range []int{1, 2} {
		attempt(u, n, part)
		attempt(u, n, other)
	}
	all, _, err := i.state.Parts(t.Context(), u.Upload, 0, 9)
	if err != nil {
		t.Fatal(err)
	}
	i.front.set(func(r *store.Request) turn {
		r.Query = strings.Replace(r.Query, "max-parts=2", "max-parts=1", 1)
		return nil
	})
	known, err := x.Attempts(t.Context(), u, all)
	if sent := i.front.sent(); err != nil || len(sent) != 2 || len(known[1].Current) != 1 ||
		len(known[2].Current) != 1 {
		t.Errorf("%v, %v after %v", known, err, sent)
	}
}

// The metadata of an upload is its object's, whichever way it is made.
func TestMetadataOfAnUploadIsItsObjects(t *testing.T) {
	i := install(t, nil)
	for _, data := range [][]byte{small, part} {
		x := i.in(t, things, policy.CompleteMultipartUpload, "key")
		created, err := x.CreateUpload(t.Context(), sseKMS, nil, crypto.FullObject, time.Now(), &objects.Conditions{},
			describe("x-amz-meta-a", "b", "content-type", "text/plain"))
		if err != nil {
			t.Fatal(err)
		}
		u, err := x.FindUpload(t.Context(), created.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		named, err := storePart(t.Context(), x, u, 1, data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := completeParts(t.Context(), x, u.ID, []objects.NamedPart{*named}, nil); err != nil {
			t.Fatal(err)
		}
		if _, header := i.front.stored(t, things+"-s", "key"); header.Get("X-Amz-Meta-A") != "b" ||
			header.Get("Content-Type") != "text/plain" {
			t.Errorf("%d bytes: %v", len(data), header)
		}
	}
}
