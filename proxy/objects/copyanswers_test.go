package objects_test

import (
	"slices"
	"strings"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// A 200 to a copy may carry an error, or nothing that can be read: the object itself shows that nothing has been made.
func TestAnswersToCopiesThatSayNothingGood(t *testing.T) {
	for _, c := range []struct {
		name string
		turn turn
		code string
	}{
		{"an error", write("<Error><Code>InternalError</Code></Error>"), "InternalError"},
		{
			"a condition on the source that failed", write("<Error><Code>PreconditionFailed</Code></Error>"),
			"ServiceUnavailable",
		},
		{"no XML", write("what?"), "InternalError"},
		{"half a document", edit(func(a *answer) { a.body, a.length = a.body[:50], 50 }), "InternalError"},
		{"a body that ends early", edit(func(a *answer) { a.body = a.body[:1] }), "ServiceUnavailable"},
		{"no such bucket", refuse(404, "NoSuchBucket"), "NoSuchBucket"},
		{"no storage class of that name", refuse(400, "InvalidStorageClass"), "InvalidStorageClass"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := install(t, nil)
			i.put(t, "source", large)
			i.put(t, "key", older)
			i.front.set(on("CopyObject", c.turn))
			_, _, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "key"), i.object(t, "source"), sseKMS,
				nil)
			i.front.set(nil)
			wantCode(t, "a copy", err, c.code)
			if c.name == "half a document" || c.name == "a body that ends early" {
				return // the store has copied
			}
			i.wantRead(t, "the destination", i.object(t, "key"), older)
		})
	}
	for _, c := range []struct {
		name string
		turn turn
		code string
	}{
		{"an error", write("<Error><Code>InternalError</Code></Error>"), "InternalError"},
		{"a condition that failed", write("<Error><Code>PreconditionFailed</Code></Error>"), "ServiceUnavailable"},
		{"an object that is gone", refuse(404, "NoSuchKey"), "ServiceUnavailable"},
		{"an upload that is gone", refuse(404, "NoSuchUpload"), "NoSuchUpload"},
		{"a range that isn't there", refuse(416, "InvalidRange"), "InternalError"},
	} {
		t.Run("of a piece: "+c.name, func(t *testing.T) {
			i := install(t, func(o *objects.Options) { o.CopyLimit = 200 * kib })
			i.put(t, "source", large)
			i.front.set(on("UploadPartCopy", c.turn))
			_, _, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "key"), i.object(t, "source"), sseKMS,
				nil)
			sent := i.front.sent()
			i.front.set(nil)
			wantCode(t, "a copy", err, c.code)
			if !slices.Contains(sent, "AbortMultipartUpload") {
				t.Errorf("the upload is left: %v", sent)
			}
		})
	}
}

// What the store answers to the requests of an upload of its own counts less than the object that is there.
func TestAnswersToTheStoresUploads(t *testing.T) {
	for _, c := range []struct {
		name string
		meet func(r *store.Request) turn
		code string // "" for success
	}{
		{"no upload id", on("CreateMultipartUpload", write("<InitiateMultipartUploadResult/>")), "InternalError"},
		{
			"an upload id that is cut off", on("CreateMultipartUpload", edit(func(a *answer) { a.body = a.body[:20] })),
			"ServiceUnavailable",
		},
		{
			"an error in the 200 to Complete",
			on("CompleteMultipartUpload", write("<Error><Code>InternalError</Code></Error>")), "InternalError",
		},
		{
			"a condition in the 200 to Complete",
			on("CompleteMultipartUpload", write("<Error><Code>PreconditionFailed</Code></Error>")),
			"PreconditionFailed",
		},
		{
			"a 200 for nothing", on("CompleteMultipartUpload", write("<CompleteMultipartUploadResult/>")),
			"InternalError",
		},
		{"a 200 that ends early", on("CompleteMultipartUpload", edit(func(a *answer) { a.body = a.body[:20] })), ""},
		{"an error for what was done", on("CompleteMultipartUpload", edit(func(a *answer) { a.status = 500 })), ""},
		{
			"nothing to Complete, and the upload can't be aborted",
			first(on("CompleteMultipartUpload", drop), on("AbortMultipartUpload", drop)), "ServiceUnavailable",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := install(t, func(o *objects.Options) { o.CopyLimit = 6 * mib })
			long := random(6, 10*mib+300)
			i.put(t, "source", long)
			i.put(t, "key", older)
			x := i.in(t, things, policy.CopyObject, "key")
			i.front.set(c.meet)
			_, _, err := copyTo(t.Context(), x, i.object(t, "source"), sseKMS, nil)
			i.front.set(nil)
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				i.wantRead(t, "the copy", x, long)
				return
			}
			wantCode(t, "a copy", err, c.code)
			i.wantRead(t, "the destination", x, older)
			if strings.Contains(c.name, "aborted") && !i.logged("an upload of the store could not be aborted") {
				t.Error("nothing was logged")
			}
		})
	}
}
