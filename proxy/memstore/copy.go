package memstore

import (
	"net/url"
	"strings"
)

const sourcePrefix = "x-amz-copy-source-"

// source finds the bucket and key of x-amz-copy-source.
func (x *exchange) source() (*bucket, string, error) {
	text, version, versioned := strings.Cut(x.header("x-amz-copy-source"), "?")
	if versioned && version != "versionId=null" {
		return nil, "", refuse("NotImplemented")
	}
	path, err := url.PathUnescape(text)
	if err != nil {
		return nil, "", refuse("InvalidArgument")
	}
	name, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || key == "" {
		return nil, "", refuse("InvalidArgument")
	}
	b, err := x.store.bucket(name)
	return b, key, err
}

// copyObject shares the source's bytes. Within a bucket the source is looked at and the copy made in one step.
func (x *exchange) copyObject() error {
	to, err := x.store.bucket(x.bucketName)
	if err != nil {
		return err
	}
	from, key, err := x.source()
	if err != nil {
		return err
	}
	header, err := x.storedHeader()
	if err != nil {
		return err
	}
	switch directive := x.header("x-amz-metadata-directive"); {
	case directive == "REPLACE":
	case directive != "" && directive != "COPY":
		return refuse("InvalidArgument")
	case from == to && key == x.key: // it would change nothing
		return refuse("InvalidRequest")
	default:
		header = nil
	}
	var made, old *object
	if from == to {
		to.mu.Lock()
		if made, err = x.copied(to.objects.get(key), header); err == nil {
			old, err = x.replace(to, made)
		}
		to.mu.Unlock()
	} else {
		from.mu.RLock()
		made, err = x.copied(from.objects.get(key), header)
		from.mu.RUnlock()
		if err == nil {
			to.mu.Lock()
			old, err = x.replace(to, made)
			to.mu.Unlock()
		}
	}
	if err != nil {
		x.store.drop(made)
		return err
	}
	etag := made.etag
	x.store.drop(old)
	x.showCopy("CopyObjectResult", etag)
	return nil
}

// copied makes the object that a copy of o will be, with header or, without one, o's own. The bucket of o is locked.
func (x *exchange) copied(o *object, header []headerField) (*object, error) {
	if o == nil {
		return nil, refuse("NoSuchKey")
	}
	if err := x.readConditions(o, sourcePrefix); err != nil {
		return nil, err
	}
	if o.body.size > maxObject {
		return nil, refuse("InvalidRequest")
	}
	if header == nil {
		header = o.header
	}
	made, err := x.newObject(o.body, o.etag, header)
	if err == nil {
		o.body.retain()
	}
	return made, err
}

// showCopy is the answer to CopyObject and UploadPartCopy.
func (x *exchange) showCopy(root, etag string) {
	var d document
	d.begin(root)
	d.text("ETag", etag)
	d.time("LastModified", x.now)
	d.close(root)
	x.show(&d)
}
