package memstore

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// listedKeys is the most that one page of a listing holds.
const listedKeys = 1000

// limit reads a whole number from the query, at most most; fallback if it isn't there.
func (x *exchange) limit(name string, fallback, most int) (int, error) {
	text := x.query.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, refuse("InvalidArgument")
	}
	return min(n, most), nil
}

// A page is what a listing requests, and how it is written.
type page struct {
	prefix, delimiter, after string
	most                     int
	encode                   func(string) string
}

func (x *exchange) page() (p page, err error) {
	p = page{
		prefix: x.query.Get("prefix"), delimiter: x.query.Get("delimiter"), encode: func(s string) string { return s },
	}
	switch x.query.Get("encoding-type") {
	case "":
	case "url":
		p.encode = func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/") }
	default:
		return p, refuse("InvalidArgument")
	}
	p.most, err = x.limit("max-keys", listedKeys, listedKeys)
	return p, err
}

// write lists keys and common prefixes that follow p.after. last is the last of either, more whether others follow.
func (p *page) write(b *bucket, d *document) (count int, last string, more bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var common []string
	for n := b.objects.from(max(p.prefix, p.after)); n != nil && strings.HasPrefix(n.key, p.prefix); {
		if n.key == p.after && p.after != "" {
			n = n.next[0]
			continue
		}
		key, end := n.key, -1
		if p.delimiter != "" {
			if end = strings.Index(key[len(p.prefix):], p.delimiter); end >= 0 {
				key = key[:len(p.prefix)+end+len(p.delimiter)]
			}
		}
		if end >= 0 && key == p.after { // the page before ended with it
			n = b.objects.from(behind(key))
			continue
		}
		if count == p.most {
			return count, last, p.finish(d, common, p.most > 0)
		}
		count, last = count+1, key
		if end >= 0 {
			common = append(common, key)
			n = b.objects.from(behind(key))
			continue
		}
		d.open("Contents")
		d.text("Key", p.encode(key))
		d.time("LastModified", n.value.modified)
		d.text("ETag", n.value.etag)
		d.number("Size", n.value.body.size)
		d.text("StorageClass", "STANDARD")
		d.close("Contents")
		n = n.next[0]
	}
	return count, last, p.finish(d, common, false)
}

func (p *page) finish(d *document, common []string, more bool) bool {
	for _, c := range common {
		d.open("CommonPrefixes")
		d.text("Prefix", p.encode(c))
		d.close("CommonPrefixes")
	}
	return more
}

// behind is the first string that follows all that begin with prefix. A prefix of 0xff alone has none, and no name that
// is UTF-8 follows it.
func behind(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return prefix + "\xff"
}

func (x *exchange) beginListing(p *page, d *document) {
	d.begin("ListBucketResult")
	d.text("Name", x.bucketName)
	d.text("Prefix", p.encode(p.prefix))
	if p.delimiter != "" {
		d.text("Delimiter", p.encode(p.delimiter))
	}
	if x.query.Has("encoding-type") {
		d.text("EncodingType", "url")
	}
	d.number("MaxKeys", int64(p.most))
}

func (x *exchange) listObjectsV2() error {
	b, err := x.store.bucket(x.bucketName)
	if err != nil {
		return err
	}
	p, err := x.page()
	if err != nil {
		return err
	}
	if x.query.Get("list-type") != "2" {
		return refuse("InvalidArgument")
	}
	p.after = x.query.Get("start-after")
	token := x.query.Get("continuation-token")
	if x.query.Has("continuation-token") {
		after, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(after) == 0 {
			return refuse("InvalidArgument")
		}
		p.after = string(after)
	}
	var d document
	x.beginListing(&p, &d)
	if start := x.query.Get("start-after"); start != "" {
		d.text("StartAfter", p.encode(start))
	}
	if token != "" {
		d.text("ContinuationToken", token)
	}
	count, last, more := p.write(b, &d)
	d.number("KeyCount", int64(count))
	d.text("IsTruncated", strconv.FormatBool(more))
	if more {
		d.text("NextContinuationToken", base64.RawURLEncoding.EncodeToString([]byte(last)))
	}
	d.close("ListBucketResult")
	x.show(&d)
	return nil
}

func (x *exchange) listObjects() error {
	b, err := x.store.bucket(x.bucketName)
	if err != nil {
		return err
	}
	p, err := x.page()
	if err != nil {
		return err
	}
	p.after = x.query.Get("marker")
	var d document
	x.beginListing(&p, &d)
	d.text("Marker", p.encode(p.after))
	_, last, more := p.write(b, &d)
	d.text("IsTruncated", strconv.FormatBool(more))
	if more && p.delimiter != "" {
		d.text("NextMarker", p.encode(last))
	}
	d.close("ListBucketResult")
	x.show(&d)
	return nil
}

// listUploads is ListMultipartUploads in one page: what would not fit is refused rather than left out.
func (x *exchange) listUploads() error {
	b, err := x.store.bucket(x.bucketName)
	if err != nil {
		return err
	}
	p, err := x.page()
	if err != nil {
		return err
	}
	most, err := x.limit("max-uploads", listedKeys, listedKeys)
	if err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	var ids []string
	for id, u := range b.uploads {
		if strings.HasPrefix(u.key, p.prefix) {
			ids = append(ids, id)
		}
	}
	if len(ids) > most {
		return refuse("NotImplemented")
	}
	slices.SortFunc(ids, func(x, y string) int {
		return strings.Compare(b.uploads[x].key+"\x00"+x, b.uploads[y].key+"\x00"+y)
	})
	var d document
	d.begin("ListMultipartUploadsResult")
	d.text("Bucket", x.bucketName)
	d.text("Prefix", p.encode(p.prefix))
	d.number("MaxUploads", int64(most))
	d.text("IsTruncated", "false")
	for _, id := range ids {
		u := b.uploads[id]
		d.open("Upload")
		d.text("Key", p.encode(u.key))
		d.text("UploadId", id)
		d.time("Initiated", u.made)
		d.close("Upload")
	}
	d.close("ListMultipartUploadsResult")
	x.show(&d)
	return nil
}
