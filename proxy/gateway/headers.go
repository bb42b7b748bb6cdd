package gateway

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// Headers cross in both directions by these lists and in no other way: a client's checksums describe plaintext and
// must not reach the store, the store's describe ciphertext and must not reach a client (S12).

const formType = "multipart/form-data"

// setObjectHeaders puts the client's metadata onto a request that makes an object in the store, and the envelope.
func (x *exchange) setObjectHeaders(r *store.Request, envelope []byte) error {
	own := x.g.o.MetadataHeader
	contentType := "binary/octet-stream"
	encoding := ""
	used := 0
	room := x.Objects.MaxMetadata() - (len(own) - len(objects.UserMetadata)) - len(envelope)
	var buf s3.NameBuffer
	for i := range x.grant.Header.Fields {
		f := &x.grant.Header.Fields[i]
		if !maybeMetadata(f.Name) {
			continue
		}
		name := s3.LowerName(f.Name, &buf)
		value := strings.TrimSpace(s3.View(f.Value))
		switch {
		case name == "content-type" && value != "":
			contentType = value
		case name == "content-encoding":
			encoding = joinList(encoding, x.storedEncoding(value))
		case name == "expires" && !x.g.o.Abilities.AnyExpires && !isDate(value):
			value = objects.StoredValue(value)
			r.Set(own+objects.ExpiresSuffix, value)
			used += len(own) - len(objects.UserMetadata) + len(objects.ExpiresSuffix) + len(value)
		case objects.IsStored(name):
			r.Set(strings.Clone(name), value)
		case strings.HasPrefix(name, objects.UserMetadata):
			if x.Objects.Reserved(name) {
				return s3.InvalidArgument(strings.Clone(name), "", "Metadata of this name is reserved.")
			}
			if x.Facts.Kind == policy.General {
				value = s3.DecodedWords(value)
			}
			value = objects.StoredValue(value)
			used += len(name) - len(objects.UserMetadata) + len(value)
			r.Set(strings.Clone(name), value)
		}
	}
	if encoding != "" {
		r.Set(own+objects.EncodingSuffix, encoding)
		used += len(own) - len(objects.UserMetadata) + len(objects.EncodingSuffix) + len(encoding)
	}
	if len(contentType) >= len(formType) && strings.EqualFold(contentType[:len(formType)], formType) {
		r.Set(own+objects.TypeSuffix, contentType)
		used += len(own) - len(objects.UserMetadata) + len(objects.TypeSuffix) + len(contentType)
		contentType = "binary/octet-stream"
	}
	used += x.setRedirect(r)
	if used > room {
		return objects.MetadataTooLarge(room, used)
	}
	r.Set("content-type", contentType)
	r.SetBytes(own, envelope)
	return nil
}

// isDate reports whether Expires is a date in the one form that every store keeps. Amazon S3 keeps any value.
func isDate(value string) bool {
	t, err := time.Parse(http.TimeFormat, value)
	return err == nil && t.Format(http.TimeFormat) == value
}

// storedEncoding is Content-Encoding without aws-chunked where that names the framing of this request; with a plain
// body the header is kept as it is.
func (x *exchange) storedEncoding(value string) string {
	if !x.grant.Auth.Payload.Chunked() {
		return value
	}
	kept := ""
	for _, coding := range strings.Split(value, ",") {
		if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "aws-chunked") {
			kept = joinList(kept, coding)
		}
	}
	return kept
}

func joinList(list, next string) string {
	switch {
	case list == "":
		return next
	case next == "":
		return list
	}
	return list + ", " + next
}

// responseOverrides are the query parameters of reads that replace an answer's header.
var responseOverrides = [...]struct{ parameter, header string }{
	{"response-cache-control", "Cache-Control"},
	{"response-content-disposition", "Content-Disposition"},
	{"response-content-encoding", "Content-Encoding"},
	{"response-content-language", "Content-Language"},
	{"response-content-type", "Content-Type"},
	{"response-expires", "Expires"},
}

// showObjectHeaders gives the client an object's metadata from the store's answer.
func (x *exchange) showObjectHeaders(a *store.Answer) {
	h := &x.ctx.Response.Header
	own := x.g.o.MetadataHeader
	formTyped := false
	var buf s3.NameBuffer
	a.Header(func(name, value []byte) bool {
		if !maybeShown(name) {
			return true
		}
		lower := s3.LowerName(name, &buf)
		switch {
		case lower == own:
		case lower == "content-type":
			if !formTyped {
				h.SetContentTypeBytes(value)
			}
		case lower == "last-modified":
			h.SetBytesV("Last-Modified", value)
		case objects.IsStored(lower):
			h.SetBytesKV(name, value)
		case lower == own+objects.EncodingSuffix:
			h.SetBytesV("Content-Encoding", value)
		case lower == own+objects.TypeSuffix:
			formTyped = true
			h.SetContentTypeBytes(value)
		case lower == own+objects.RedirectSuffix:
			h.SetBytesV(objects.RedirectHeader, value)
		case lower == own+objects.ExpiresSuffix:
			h.Set("Expires", objects.ShownValue(string(value)))
		case x.Objects.Reserved(lower):
		case strings.HasPrefix(lower, objects.UserMetadata):
			shown := objects.ShownValue(string(value))
			if x.Facts.Kind == policy.General {
				shown = s3.EncodedWords(shown)
			}
			h.Set(lower, shown)
		}
		return true
	})
	x.showETag(a.Get("Etag"))
	x.show("Accept-Ranges", "bytes")
	x.showStorage()
	x.showAttributes(a)
	for _, o := range responseOverrides {
		if v, ok := x.grant.Query.Get(o.parameter); ok {
			h.Set(o.header, v)
		}
	}
}

// show sets a header of the answer whose name and value are ours and hold no line break: they are taken as they are.
func (x *exchange) show(name, value string) {
	x.ctx.Response.Header.SetCanonical(s3.ViewBytes(name), s3.ViewBytes(value))
}

// showETag shows the client's form of the store's ETag.
func (x *exchange) showETag(stored []byte) {
	var memory [64]byte
	x.ctx.Response.Header.SetCanonical(s3.ViewBytes("ETag"), s3.AppendClientETag(memory[:0], stored))
}

// showChecksumValue shows the checksum of a whole body.
func (x *exchange) showChecksumValue(c *crypto.Checksum) {
	var memory [64]byte
	name := s3.ChecksumOf(c.Algorithm).Header
	x.ctx.Response.Header.SetCanonical(s3.ViewBytes(name), base64.StdEncoding.AppendEncode(memory[:0], c.Value))
}

// showStorage sets the headers that directory buckets show with every object. Source: behaviour reference 1.7, 4.3.
func (x *exchange) showStorage() {
	if x.Facts.Kind == policy.Directory {
		x.show("x-amz-storage-class", storageClass(&x.Facts))
		x.show("x-amz-expiration", "NotImplemented")
	}
}

func storageClass(b *policy.Bucket) string {
	switch {
	case b.Kind != policy.Directory:
		return "STANDARD"
	case b.LocalZone:
		return "ONEZONE_IA"
	}
	return "EXPRESS_ONEZONE"
}

// showEncryption sets the encryption headers of section 2.11. No line breaks are in an ARN, which bucket records,
// session tokens and envelopes are refused for, nor in a context, which came as a header and is base64.
func (x *exchange) showEncryption() { x.grant.Decision.ResponseHeaders(x.show) }

// setTags puts the request's tags onto a request that makes an object in the store.
func (x *exchange) setTags(r *store.Request) {
	if v := x.grant.Value(objects.TagsHeader); v != "" && x.Facts.Kind == policy.General {
		r.Set(objects.TagsHeader, v)
	}
}

// copiedTags reads the request's tagging directive.
func (x *exchange) copiedTags() objects.Tags {
	if x.grant.Value(objects.TagDirective) != "REPLACE" {
		return objects.Tags{}
	}
	return objects.Tags{Replace: true, Set: x.grant.Value(objects.TagsHeader)}
}

// permitTags sees whether the caller may take a source's tags along.
func (x *exchange) permitTags(from *objects.Source) error {
	tags := x.copiedTags()
	switch {
	case tags.Replace || !from.Tagged:
		return nil
	case x.Facts.Kind == policy.Directory && from.Object.Facts.Kind == policy.General:
		// section 1.6
		return s3.Refuse("NotImplemented", "A header you provided implies functionality that is not implemented", "Header",
			objects.TagDirective)
	}
	source, err := x.place(from.Object)
	if err != nil {
		return err
	}
	if err := x.grant.Permit(policy.GetObjectTagging, &source, ""); err != nil {
		return err
	}
	return x.grant.Permit(policy.PutObjectTagging, &x.grant.Place, "")
}

// What general purpose buckets keep with an object that is neither its bytes nor its metadata: storage class, website
// redirect, tags, and the retention and legal hold of Object Lock. All but the redirect are the store's, which acts on
// them; it sees the tags. A copy has those that its request names; tags have a directive of their own.

// setAttributes puts storage class, retention and legal hold onto a request that makes an object in the store. STANDARD
// is what an object has without the header, which not every store knows.
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
		case "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER",
			"DEEP_ARCHIVE":
			return told
		}
	}
	return storageClass(&x.Facts)
}

// checkObjectLock refuses a retention or a legal hold for a bucket that doesn't have Object Lock: the store might
// ignore them.
func (x *exchange) checkObjectLock() error {
	if x.Facts.Kind != policy.General || x.grant.Value(objects.LockMode) == "" && x.grant.Value(objects.LockHold) == "" {
		return nil
	}
	if until, err := time.Parse(time.RFC3339, x.grant.Value(objects.LockUntil)); err == nil &&
		!until.After(x.grant.Start) {
		return s3.InvalidArgument(objects.LockUntil, x.grant.Value(objects.LockUntil),
			"The retain until date must be in the future!")
	}
	r := &store.Request{
		Operation: "GetObjectLockConfiguration", Method: "GET", Bucket: x.Record.StoreName, Query: "object-lock=",
	}
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer a.Close()
	f := a.Fault(r.Operation)
	switch {
	case f == nil:
		return nil
	case f.Status == http.StatusNotFound && f.Code != "NoSuchBucket", f.Status == http.StatusNotImplemented,
		f.Status == http.StatusMethodNotAllowed:
		return s3.Refuse("InvalidRequest", "Bucket is missing Object Lock Configuration").Because(f)
	}
	return objects.StoreError(f, x.Bucket, "")
}
