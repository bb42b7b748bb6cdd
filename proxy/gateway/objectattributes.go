package gateway

import (
	"net/http"
	"time"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// What general purpose buckets keep with an object that is neither its bytes nor its metadata: storage class, website
// redirect, tags, and the retention and legal hold of Object Lock. All but the redirect are the store's, which acts on
// them; it sees the tags. A copy has those that its request names; tags have a directive of their own.

// setAttributes puts storage class, retention and legal hold onto a request that makes an object in the store. STANDARD is
// what an object has without the header, which not every store knows.
func (x *exchange) setAttributes(r *store.Request) {
	if x.Facts.Kind != policy.General {
		return
	}
	for _, name := range [...]string{objects.ClassHeader, objects.LockMode, objects.LockUntil, objects.LockHold} {
		if v := x.grant.Value(name); v != "" && v != "STANDARD" {
			r.Set(name, v)
		}
	}
}

// setRedirect keeps a website redirect with the object, and returns how much room for user metadata it takes.
func (x *exchange) setRedirect(r *store.Request) int {
	v := x.grant.Value(objects.RedirectHeader)
	if v == "" || x.Facts.Kind != policy.General {
		return 0
	}
	name := x.g.o.MetadataHeader + objects.RedirectSuffix
	r.Set(name, v)
	return len(name) - len(objects.UserMetadata) + len(v)
}

// showAttributes shows the client what the store tells of them.
func (x *exchange) showAttributes(a *store.Answer) {
	if x.Facts.Kind != policy.General {
		return
	}
	h := &x.ctx.Response.Header
	if class := x.shownClass(s3.View(a.Get(objects.ClassHeader))); class != "STANDARD" {
		h.Set(objects.ClassHeader, class)
	}
	for _, name := range [...]string{objects.TagCountHeader, objects.LockMode, objects.LockUntil, objects.LockHold} {
		if v := a.Get(name); len(v) > 0 {
			h.SetBytesV(name, v)
		}
	}
	x.showVersion(a)
}

// shownClass is the storage class that clients see of one that the store tells. A name that S3 doesn't have is the
// store's own business.
func (x *exchange) shownClass(told string) string {
	if x.Facts.Kind == policy.General {
		switch told {
		case "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE":
			return told
		}
	}
	return storageClass(&x.Facts)
}

// checkObjectLock refuses a retention or a legal hold for a bucket that doesn't have Object Lock: the store might ignore
// them.
func (x *exchange) checkObjectLock() error {
	if x.Facts.Kind != policy.General || x.grant.Value(objects.LockMode) == "" && x.grant.Value(objects.LockHold) == "" {
		return nil
	}
	if until, err := time.Parse(time.RFC3339, x.grant.Value(objects.LockUntil)); err == nil && !until.After(x.grant.Start) {
		return s3.InvalidArgument(objects.LockUntil, x.grant.Value(objects.LockUntil), "The retain until date must be in the future!")
	}
	r := &store.Request{Operation: "GetObjectLockConfiguration", Method: "GET", Bucket: x.Record.StoreName, Query: "object-lock="}
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer a.Close()
	f := a.Fault(r.Operation)
	switch {
	case f == nil:
		return nil
	case f.Status == http.StatusNotFound && f.Code != "NoSuchBucket", f.Status == http.StatusNotImplemented, f.Status == http.StatusMethodNotAllowed:
		return s3.Refuse("InvalidRequest", "Bucket is missing Object Lock Configuration").Because(f)
	}
	return objects.StoreError(f, x.Bucket, "")
}
