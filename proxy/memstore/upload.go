package memstore

import (
	"encoding/xml"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	maxParts    = 10_000
	minPart     = 5 << 20 // of all parts but the last
	listedParts = 1000
)

// upload returns the bucket and the upload that the request names. The bucket is locked when there is no error.
func (x *exchange) upload() (*bucket, *upload, error) {
	b, err := x.store.bucket(x.bucketName)
	if err != nil {
		return nil, nil, err
	}
	b.mu.Lock()
	u := b.uploads[x.query.Get("uploadId")]
	if u == nil || u.key != x.key || b.gone {
		b.mu.Unlock()
		return nil, nil, refuse("NoSuchUpload")
	}
	return b, u, nil
}

func (x *exchange) createUpload() error {
	b, err := x.store.bucket(x.bucketName)
	if err != nil {
		return err
	}
	header, err := x.storedHeader()
	if err != nil {
		return err
	}
	id := x.store.unique()
	b.mu.Lock()
	if b.gone {
		err = refuse("NoSuchBucket")
	} else {
		b.uploads[id] = &upload{key: x.key, header: header, made: x.now, parts: make(map[int]*part)}
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	var d document
	d.begin("InitiateMultipartUploadResult")
	d.text("Bucket", x.bucketName)
	d.text("Key", x.key)
	d.text("UploadId", id)
	d.close("InitiateMultipartUploadResult")
	x.show(&d)
	return nil
}

// uploadPart is UploadPart and UploadPartCopy.
func (x *exchange) uploadPart() error {
	number, err := strconv.Atoi(x.query.Get("partNumber"))
	if err != nil || number < 1 || number > maxParts {
		return refuse("InvalidArgument")
	}
	b, _, err := x.upload()
	if err != nil {
		return err
	}
	b.mu.Unlock() // while the body comes in
	p := &part{modified: x.now}
	copies := x.carries("x-amz-copy-source")
	if copies {
		p.body, err = x.sourceRange()
	} else {
		p.body, err = x.readBody(maxObject)
	}
	if err != nil {
		return err
	}
	p.etag = x.store.etagOf(p.body)
	b, u, err := x.upload()
	if err != nil {
		p.body.release()
		return err
	}
	old := u.parts[number]
	u.parts[number] = p
	b.mu.Unlock()
	if old != nil {
		old.body.release()
	}
	if copies {
		x.showCopy("CopyPartResult", p.etag)
	} else {
		x.ctx.Response.Header.Set("ETag", p.etag)
	}
	return nil
}

// sourceRange is what of the source UploadPartCopy asks for.
func (x *exchange) sourceRange() (*body, error) {
	from, key, err := x.source()
	if err != nil {
		return nil, err
	}
	o, err := from.find(key)
	if err != nil {
		return nil, err
	}
	defer o.body.release()
	if err := x.readConditions(o, sourcePrefix); err != nil {
		return nil, err
	}
	wanted := x.header("x-amz-copy-source-range")
	first, n, part, err := byteRange(wanted, o.body.size)
	if err != nil || wanted != "" && !part {
		return nil, refuse("InvalidArgument")
	}
	if n > maxObject {
		return nil, refuse("InvalidRequest")
	}
	return o.body.slice(first, n), nil
}

func (x *exchange) completeUpload() error {
	var list struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := x.readDocument(&list); err != nil {
		return err
	}
	b, u, err := x.upload()
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	if len(list.Part) == 0 || len(list.Part) > maxParts {
		return refuse("MalformedXML")
	}
	for i := range list.Part[1:] {
		if list.Part[i+1].PartNumber <= list.Part[i].PartNumber {
			return refuse("InvalidPartOrder")
		}
	}
	bodies, etags := make([]*body, 0, len(list.Part)), make([]string, 0, len(list.Part))
	for i, named := range list.Part {
		p := u.parts[named.PartNumber]
		if p == nil || strings.Trim(named.ETag, `"`) != strings.Trim(p.etag, `"`) {
			return refuse("InvalidPart")
		}
		if p.body.size < minPart && i < len(list.Part)-1 {
			return refuse("EntityTooSmall")
		}
		bodies, etags = append(bodies, p.body), append(etags, p.etag)
	}
	for _, p := range bodies {
		p.retain()
	}
	whole := join(bodies)
	o, err := x.newObject(whole, x.store.etagOfParts(etags), u.header)
	if err != nil {
		whole.release()
		return err
	}
	old, err := x.replace(b, o)
	if err != nil {
		x.store.drop(o)
		return err
	}
	delete(b.uploads, x.query.Get("uploadId"))
	u.release()
	x.store.drop(old)
	var d document
	d.begin("CompleteMultipartUploadResult")
	d.text("Location", "/"+x.bucketName+"/"+x.key)
	d.text("Bucket", x.bucketName)
	d.text("Key", x.key)
	d.text("ETag", o.etag)
	d.close("CompleteMultipartUploadResult")
	x.show(&d)
	return nil
}

func (x *exchange) abortUpload() error {
	b, u, err := x.upload()
	if err != nil {
		return err
	}
	delete(b.uploads, x.query.Get("uploadId"))
	b.mu.Unlock()
	u.release()
	x.ctx.Response.SetStatusCode(204)
	return nil
}

func (x *exchange) listParts() error {
	after, err := x.limit("part-number-marker", 0, maxParts)
	if err != nil {
		return err
	}
	most, err := x.limit("max-parts", listedParts, listedParts)
	if err != nil {
		return err
	}
	b, u, err := x.upload()
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	var d document
	d.begin("ListPartsResult")
	d.text("Bucket", x.bucketName)
	d.text("Key", x.key)
	d.text("UploadId", x.query.Get("uploadId"))
	d.number("MaxParts", int64(most))
	listed, last, more := 0, 0, false
	for _, number := range slices.Sorted(maps.Keys(u.parts)) {
		if number <= after {
			continue
		}
		if more = listed == most; more {
			break
		}
		p := u.parts[number]
		d.open("Part")
		d.number("PartNumber", int64(number))
		d.text("ETag", p.etag)
		d.number("Size", p.body.size)
		d.time("LastModified", p.modified)
		d.close("Part")
		listed, last = listed+1, number
	}
	d.text("IsTruncated", strconv.FormatBool(more))
	if more {
		d.number("NextPartNumberMarker", int64(last))
	}
	d.close("ListPartsResult")
	x.show(&d)
	return nil
}
