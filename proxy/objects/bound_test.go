package objects_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// headerOf is a request's header, "" without.
func headerOf(r *store.Request, name string) string {
	for _, h := range r.Header {
		if string(h.Name) == name {
			return string(h.Value)
		}
	}
	return ""
}

// Each read after the first is bound to the version that was looked at.
func TestReadsAreBoundToWhatWasLookedAt(t *testing.T) {
	i := install(t, nil)
	i.upload(t, "key", part, small)
	x := i.object(t, "key")
	x.ForgetLayout()
	i.front.set(nil)
	from, opened := i.open(t, x)
	if sent := i.front.sent(); !x.HasLayout() || len(sent) != 1 {
		t.Errorf("the layout came with the metadata, and %v were sent", sent)
	}
	x.ForgetLayout()
	reads := 0
	i.front.watch(func(r *store.Request) {
		if r.Operation != "GetObject" {
			return
		}
		if reads++; headerOf(r, "If-Match") != from.ETag {
			t.Errorf("a read of %s under If-Match %q", headerOf(r, "Range"), headerOf(r, "If-Match"))
		}
	})
	if _, err := readOpened(t.Context(), x, opened, 0, 10); err != nil {
		t.Error(err)
	}
	again, err := x.Open(t.Context(), from.Sealed, anyone) // reads its trailer
	if err != nil {
		t.Fatal(err)
	}
	again.Secrets.Wipe()
	if reads != 2 {
		t.Errorf("%d reads", reads)
	}
}

// A range whose place is known is read under the ETag that it is known of; one that is guessed isn't.
func TestARangeWhosePlaceIsKnownIsBound(t *testing.T) {
	i := install(t, nil)
	i.upload(t, "key", part, small)
	x := i.object(t, "key")
	_, header := i.front.stored(t, things+"-s", "key")
	wanted, _ := s3.ParseRange("bytes=0-9")
	for _, known := range []bool{true, false} {
		if !known {
			x.ForgetLayout()
		}
		r := x.NewRequest("GetObject", "GET")
		if err := x.SetRange(r, wanted); err != nil {
			t.Fatal(err)
		}
		if got := headerOf(r, "If-Match"); (got == header.Get("Etag")) != known ||
			headerOf(r, "Range") != "bytes=0-65551" {
			t.Errorf("known %v: range %s under If-Match %q", known, headerOf(r, "Range"), got)
		}
	}
	if _, err := download(t.Context(), i, x, "bytes=0-9"); err != nil {
		t.Fatal(err)
	}
	// A request that has a condition already, and a range that isn't there, are left to the store.
	r := x.NewRequest("GetObject", "GET")
	r.Set("If-Match", "theirs")
	if err := x.SetRange(r, wanted); err != nil || len(r.Header) != 2 || headerOf(r, "If-Match") != "theirs" {
		t.Errorf("%v, %v", r.Header, err)
	}
}

// A Complete without conditions of the client's is bound to what its key held under the claim.
func TestACompleteIsBoundToWhatWasThere(t *testing.T) {
	for _, parts := range [][][]byte{{small}, {part, small}, {{}}} {
		for _, there := range []bool{false, true} {
			i := install(t, nil)
			match, none := "", "*"
			if there {
				i.put(t, "key", older)
				_, header := i.front.stored(t, things+"-s", "key")
				match, none = header.Get("Etag"), ""
			}
			bound := false
			i.front.watch(func(r *store.Request) {
				if r.Bucket == things+"-s" && (r.Operation == "PutObject" || r.Operation == "CompleteMultipartUpload") {
					bound = headerOf(r, "If-Match") == match && headerOf(r, "If-None-Match") == none
				}
			})
			if err := uploading(parts...)(t.Context(), t, i, "key"); err != nil || !bound {
				t.Errorf("%d parts, over an object %v: bound %v, %v", len(parts), there, bound, err)
			}
		}
	}
}

// A deletion under conditions deletes what they were checked on, and nothing that came since.
func TestADeletionIsBoundToWhatWasChecked(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", small)
	i.front.set(once("DeleteObject", 0, before(func() { i.put(t, "key", older) })))
	_, err := i.in(t, things, policy.DeleteObject, "key").Remove(t.Context(), "", "1000", "", false)
	i.front.set(nil)
	wantCode(t, "delete", err, "PreconditionFailed")
	i.wantRead(t, "what came since", i.object(t, "key"), older)
}

// Empty objects all have one ETag on stores like S3; what is done to one is done to no other all the same.
func TestEmptyObjectsAreToldApart(t *testing.T) {
	noCopy := lessAble(func(a *store.Abilities) { a.CopyKeepsETag = false })
	for _, c := range []struct {
		name string
		run  func(ctx context.Context, t testing.TB, i *installation, key string) error
		code string // "" for success
	}{
		{"appended to", appending, "ConditionalRequestConflict"},
		{"given another key", reencrypting, ""},
		{"renamed", func(ctx context.Context, t testing.TB, i *installation, key string) error {
			return rename(ctx, i.in(t, things, policy.RenameObject, "new"), key, nil)
		}, ""},
	} {
		i := installOver(t, memstore.Options{MD5: true}, alone, noCopy)
		i.put(t, "key", []byte{})
		i.front.set(once("HeadObject", 0, before(func() {
			i.front.set(nil)
			i.put(t, "key", []byte{}, "x-amz-meta-since", "1")
		})))
		err := c.run(t.Context(), t, i, "key")
		if c.code == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if c.code != "" {
			wantCode(t, c.name, err, c.code)
		}
		if _, header := i.front.stored(t, things+"-s", "key"); header.Get("X-Amz-Meta-Since") != "1" {
			t.Errorf("%s: what was put since is lost: %v", c.name, header)
		}
	}
}

// Copies that repeat an ETag, and all on a store whose deletions know no conditions, wait for the claim of where they
// go.
func TestCopiesThatMustWaitForTheClaimOfTheirDestination(t *testing.T) {
	long := random(6, 10*mib+300)
	unconditional := lessAble(func(a *store.Abilities) { a.ConditionalDelete = false })
	for _, c := range []struct {
		name   string
		source []byte
		e      policy.Encryption
		change func(o *objects.Options)
		waits  bool
	}{
		{"by the store", large, sseKMS, nil, true},
		{"with its metadata", small, sseKMS, nil, false},
		{"without bytes", []byte{}, sseKMS, nil, false},
		{"sealed anew", large, sseS3, nil, false},
		{"in pieces", long, sseKMS, func(o *objects.Options) { o.CopyLimit = 6 * mib }, true},
		{"by a store whose deletions know no conditions", large, sseKMS, unconditional, true},
		{"with its metadata, where deletions know no conditions", small, sseKMS, unconditional, true},
		{"sealed anew, where deletions know no conditions", large, sseS3, unconditional, true},
	} {
		i := installOver(t, plainStore, state.Options{Alone: true, ClaimPatience: 30 * time.Millisecond}, c.change)
		i.put(t, "source", c.source)
		x := i.in(t, things, policy.CopyObject, "key")
		claim, err := i.state.Claim(t.Context(), x.Record, "test", "key")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = copyTo(t.Context(), x, i.object(t, "source"), c.e, nil)
		if c.waits {
			wantCode(t, c.name, err, "SlowDown")
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		claim.Release()
		if _, _, err = copyTo(t.Context(), x, i.object(t, "source"), c.e, nil); err != nil {
			t.Errorf("%s, once the claim is free: %v", c.name, err)
		}
	}
}

// Bytes that pass through get an ETag that no object had: their end is sealed anew.
func TestBytesThatPassThroughGetAnETagOfTheirOwn(t *testing.T) {
	for _, data := range [][]byte{small, large} {
		i := installOver(t, memstore.Options{MD5: true}, alone,
			lessAble(func(a *store.Abilities) { a.ConditionalCopy = false }))
		i.put(t, "source", data)
		seen := []string{}
		for range 3 {
			x := i.in(t, things, policy.CopyObject, "key")
			_, done, err := copyTo(t.Context(), x, i.object(t, "source"), sseKMS,
				func(c *objects.Copy) { c.Conditions.NoneMatch = "*" })
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, done.ETag)
			i.front.remove(t, things+"-s", "key")
		}
		_, header := i.front.stored(t, things+"-s", "source")
		slices.Sort(seen)
		if len(slices.Compact(seen)) != 3 || slices.Contains(seen, header.Get("Etag")) {
			t.Errorf("%d bytes: the ETags %v, and %s of the source", len(data), seen, header.Get("Etag"))
		}
	}
}

// A grown object has another id than before, so that a copy that was made before never takes its body.
func TestAGrownObjectHasAnotherID(t *testing.T) {
	i := install(t, nil)
	for _, data := range [][]byte{small, part} {
		i.put(t, "key", data)
		before, _ := i.open(t, i.object(t, "key"))
		if err := appending(t.Context(), t, i, "key"); err != nil {
			t.Fatal(err)
		}
		after, _ := i.open(t, i.object(t, "key"))
		if before.Envelope.ObjectID == after.Envelope.ObjectID {
			t.Errorf("%d bytes: the id stays", len(data))
		}
	}
}

// A rename whose source seems to be another by now is one only while its claim holds.
func TestARenameThatLostItsClaimIsNone(t *testing.T) {
	i := installOver(t, memstore.Options{}, replicated, nil)
	i.put(t, "from", small)
	i.front.set(on("DeleteObject", before(func() {
		i.records.set(func(operation, _ string) error {
			if operation == "Put" {
				return errRecords
			}
			return nil
		})
	}).edit(func(a *answer) { a.status = 412 })))
	err := rename(t.Context(), i.in(t, things, policy.RenameObject, "to"), "from", nil)
	i.front.set(nil)
	i.records.set(nil)
	if err == nil {
		t.Error("no error")
	}
}
