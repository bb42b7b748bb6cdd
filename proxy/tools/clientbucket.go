package tools

import (
	"context"
	"encoding/hex"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealfront/crypto"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// A clientBucket is a bucket as its clients see it: the source of a migration in the store, or the target through a
// proxy.
type clientBucket struct {
	client    *store.Client
	bucket    string
	directory bool
}

// clientObject is an object as its clients see it. It must be closed.
type clientObject struct {
	key, etag string // files that came into the store by another way may have no ETag
	modified  string
	length    int64
	header    map[string]string // what is kept with it, by lower-case name; without its tags
	tagged    bool
	checksum  *shownChecksum
	answer    *store.Answer // the body, if it was asked for
}

func (s *clientObject) close() {
	if s.answer != nil {
		s.answer.Close()
		s.answer = nil
	}
}

// shownChecksum is a checksum as headers show it.
type shownChecksum struct {
	algorithm, value string
	composite        bool
}

func (c *shownChecksum) header() string { return s3.ChecksumPrefix + strings.ToLower(c.algorithm) }

func (c *shownChecksum) kind() string {
	if c.composite {
		return s3.ChecksumType(crypto.Composite)
	}
	return s3.ChecksumType(crypto.FullObject)
}

// known reports whether a sealed object can have it.
func (c *shownChecksum) known() bool { return s3.ChecksumByName(c.algorithm) != nil }

func (b *clientBucket) request(operation, method, key string) *store.Request {
	return &store.Request{Operation: operation, Method: method, Bucket: b.bucket, Key: key}
}

// read requests an object's metadata; with body its bytes as well, and then of the version with this ETag, unless "".
func (b *clientBucket) read(ctx context.Context, key, etag string, body bool) (*clientObject, error) {
	r := b.request("HeadObject", "HEAD", key)
	if body {
		r = b.request("GetObject", "GET", key)
	}
	r.Set("x-amz-checksum-mode", "ENABLED")
	ifMatch(r, etag)
	a, err := do(ctx, b.client, r)
	if err != nil {
		return nil, err
	}
	s := &clientObject{
		key: key, etag: string(a.Get("Etag")), modified: string(a.Get("Last-Modified")), length: a.ContentLength(),
		header: map[string]string{},
	}
	b.readHeader(s, a)
	if body {
		s.answer = a
	} else {
		a.Close()
	}
	return s, nil
}

func (b *clientBucket) readHeader(s *clientObject, a *store.Answer) {
	sum := func(name, value string) {
		if kind, ok := strings.CutPrefix(name, s3.ChecksumPrefix); ok && kind != "type" {
			c := &shownChecksum{algorithm: strings.ToUpper(kind), value: value, composite: strings.Contains(value, "-")}
			if s.checksum == nil || c.known() {
				s.checksum = c
			}
		}
	}
	a.Header(func(name, value []byte) bool {
		lower, text := strings.ToLower(string(name)), string(value)
		switch {
		case isKept(lower), isLock(lower), lower == "x-amz-website-redirect-location", lower == "x-amz-missing-meta":
			s.header[lower] = text
		case lower == "x-amz-tagging-count":
			s.tagged = text != "" && text != "0"
		default:
			sum(lower, text)
		}
		return true
	})
	if s.checksum != nil && string(a.Get("x-amz-checksum-type")) == "COMPOSITE" {
		s.checksum.composite = true
	}
	if s.header["content-type"] == "" { // what S3 makes of none
		s.header["content-type"] = "binary/octet-stream"
	}
	if class := s.header["x-amz-storage-class"]; class == "STANDARD" || b.directory {
		delete(s.header, "x-amz-storage-class") // a directory bucket's objects have its own
	}
	// A retention that has ended binds nobody and can't be given to another object.
	if until, err := time.Parse(time.RFC3339, s.header[objects.LockUntil]); err == nil && !until.After(time.Now()) {
		delete(s.header, objects.LockUntil)
		delete(s.header, objects.LockMode)
	}
	if s.header[objects.LockHold] == "OFF" {
		delete(s.header, objects.LockHold)
	}
}

func isLock(name string) bool { return strings.HasPrefix(name, "x-amz-object-lock-") }

// names of what is kept with it, in order.
func (s *clientObject) names() []string { return slices.Sorted(maps.Keys(s.header)) }

func (b *clientBucket) tags(ctx context.Context, s *clientObject) (url.Values, error) {
	if !s.tagged {
		return url.Values{}, nil
	}
	return tagsOf(ctx, b.client, b.bucket, s.key)
}

// mayHaveParts reports whether it is worth asking for an object's parts: it isn't for a small one whose ETag is that of
// one PutObject.
func (s *clientObject) mayHaveParts() bool {
	bare := strings.Trim(s.etag, `"`)
	_, err := hex.DecodeString(bare)
	return s.length >= crypto.MinPartSize || len(bare) != 32 || err != nil || s.isComposite()
}

// cameInParts reports whether the ETag, as most stores make them, or the checksum says that an object was uploaded in
// parts.
func (s *clientObject) cameInParts() bool {
	_, number, _ := strings.Cut(strings.Trim(s.etag, `"`), "-")
	_, err := strconv.Atoi(number)
	return err == nil || s.isComposite()
}

func (s *clientObject) isComposite() bool { return s.checksum != nil && s.checksum.composite }

// A shownPart is a part of an object as a store shows it.
type shownPart struct {
	size     int64
	checksum string // of the object's algorithm, base64; "" when it isn't shown
}

// parts are those of an object that was uploaded in parts, nil if it wasn't or the store doesn't show them all. An
// answer to HEAD has their number, if there are any; in the attributes some stores show one part of objects that have
// none.
func (b *clientBucket) parts(ctx context.Context, s *clientObject) ([]shownPart, error) {
	if s.length == 0 || !s.mayHaveParts() {
		return nil, nil
	}
	first, count, err := b.numberedPart(ctx, s, 1)
	switch {
	case notSupported(err):
		count = 2 // or more, or none
	case err != nil:
		return nil, err
	case count == 0:
		return nil, nil
	}
	var parts []shownPart
	if count > 1 {
		if parts, err = b.listedParts(ctx, s); err != nil && !notSupported(err) {
			return nil, err
		}
	}
	if first.size > 0 && len(parts) != count {
		parts = append(parts[:0], first)
		for number := 2; number <= min(count, crypto.MaxParts); number++ {
			part, _, err := b.numberedPart(ctx, s, number)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
	}
	total := int64(0)
	for _, part := range parts {
		total += part.size
	}
	if total != s.length {
		return nil, nil
	}
	return parts, nil
}

// notSupported reports whether an error means that the store doesn't serve such requests.
func notSupported(err error) bool {
	f, ok := asFault(err)
	return ok && (f.Status < http.StatusInternalServerError || f.Status == http.StatusNotImplemented)
}

// listedParts requests them by GetObjectAttributes, a thousand at a time. Amazon S3 shows those of objects with
// checksums only.
func (b *clientBucket) listedParts(ctx context.Context, s *clientObject) (parts []shownPart, err error) {
	for marker := 0; ; {
		r := b.request("GetObjectAttributes", "GET", s.key)
		r.Query = "attributes="
		r.Set("x-amz-object-attributes", "ETag,ObjectParts")
		r.Set("x-amz-max-parts", "1000")
		r.Set("x-amz-part-number-marker", strconv.Itoa(marker))
		var shown struct {
			ETag        string
			ObjectParts struct {
				IsTruncated          bool
				NextPartNumberMarker int
				Part                 []struct {
					Size      int64
					Checksums []struct { // of this name and others
						XMLName xml.Name
						Value   string `xml:",chardata"`
					} `xml:",any"`
				}
			}
		}
		if err := send(ctx, b.client, r, &shown); err != nil {
			return nil, err
		}
		if strings.Trim(shown.ETag, `"`) != strings.Trim(s.etag, `"`) {
			return nil, errReplaced
		}
		for _, p := range shown.ObjectParts.Part {
			part := shownPart{size: p.Size}
			for _, c := range p.Checksums {
				if s.checksum != nil && c.XMLName.Local == "Checksum"+s.checksum.algorithm {
					part.checksum = c.Value
				}
			}
			parts = append(parts, part)
		}
		next := shown.ObjectParts.NextPartNumberMarker
		if !shown.ObjectParts.IsTruncated || next <= marker || len(parts) > crypto.MaxParts {
			return parts, nil
		}
		marker = next
	}
}

// numberedPart requests a part by its number. count is 0 for an object without parts.
func (b *clientBucket) numberedPart(
	ctx context.Context, s *clientObject, number int,
) (part shownPart, count int, err error) {
	r := b.request("HeadObject", "HEAD", s.key)
	r.Query = "partNumber=" + strconv.Itoa(number)
	ifMatch(r, s.etag)
	a, err := do(ctx, b.client, r)
	if err != nil {
		return shownPart{}, 0, err
	}
	defer a.Close()
	count, _ = strconv.Atoi(string(a.Get("x-amz-mp-parts-count")))
	return shownPart{size: a.ContentLength()}, count, nil
}

// isKept reports by its lower-case name whether a store keeps a header with an object and takes it back.
func isKept(name string) bool {
	switch name {
	case "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires",
		"x-amz-storage-class":
		return true
	}
	return strings.HasPrefix(name, "x-amz-meta-")
}
