package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync"
)

// The outcomes of Objects that callers decide by; they are io/fs's own, so that a caller needs no import of this
// package.
var (
	ErrNotExist = fmt.Errorf("no such object in the store: %w", fs.ErrNotExist)
	ErrExists   = fmt.Errorf("the object in the store is not the one expected: %w", fs.ErrExist)
)

// Objects is one bucket of the store seen as a place for small whole objects. It holds the proxy's state and
// serves the probe. It is safe for concurrent use.
type Objects struct {
	client *Client
	bucket string
	alone  *sync.Mutex // held while a condition is tested here; nil where the store tests it
}

// maxObject bounds the objects that Get reads.
const maxObject = 4 << 20

// Objects returns the bucket's view.
func (c *Client) Objects(bucket string) *Objects { return &Objects{client: c, bucket: bucket} }

// SingleWriter is a view for a store whose conditional PUT can't be relied on: Put tests its condition itself, so
// nobody else may write meanwhile, neither another view nor another process. No condition is sent: Ceph 16 refuses an
// If-Match that holds.
func (o *Objects) SingleWriter() *Objects {
	return &Objects{client: o.client, bucket: o.bucket, alone: new(sync.Mutex)}
}

func (o *Objects) do(ctx context.Context, r *Request) (*Answer, error) {
	r.Bucket = o.bucket
	a, err := o.client.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	f := a.Fault(r.Operation)
	if f == nil {
		return a, nil
	}
	a.Close()
	switch {
	case f.Status == http.StatusNotFound && f.Code != "NoSuchBucket":
		return nil, fmt.Errorf("%w: %w", ErrNotExist, f)
	case f.Status == http.StatusPreconditionFailed || f.Status == http.StatusConflict:
		return nil, fmt.Errorf("%w: %w", ErrExists, f)
	}
	return nil, f
}

// Create makes the bucket if it is not there. Of replicas that start at once another may make it meanwhile, which a
// store may answer with any fault (versitygw: 500), so after a fault it is looked for again.
func (o *Objects) Create(ctx context.Context) error {
	if there, err := o.exists(ctx); there || err != nil {
		return err
	}
	a, err := o.client.Do(ctx, o.client.createBucket(o.bucket))
	if err != nil {
		return err
	}
	defer a.Close()
	f := a.Fault("CreateBucket")
	if f == nil || f.Code == "BucketAlreadyOwnedByYou" || f.Code == "BucketAlreadyExists" {
		return nil
	}
	if there, err := o.exists(ctx); there && err == nil {
		return nil
	}
	return f
}

func (o *Objects) exists(ctx context.Context) (bool, error) {
	head, err := o.client.Do(ctx, &Request{Operation: "HeadBucket", Method: "HEAD", Bucket: o.bucket})
	if err != nil {
		return false, err
	}
	defer head.Close()
	return head.Status == http.StatusOK, nil
}

// Get reads an object and its ETag. ErrNotExist when there is none.
func (o *Objects) Get(ctx context.Context, name string) (body []byte, etag string, err error) {
	a, err := o.do(ctx, &Request{Operation: "GetObject", Method: "GET", Key: name})
	if err != nil {
		return nil, "", err
	}
	defer a.Close()
	body, err = a.Bytes(maxObject)
	return body, string(a.Get("Etag")), err
}

// Put writes an object and returns its ETag. With ifMatch "" it must not exist before; with "*" it may; otherwise its
// ETag must be ifMatch. ErrExists when that fails.
func (o *Objects) Put(ctx context.Context, name string, body []byte, ifMatch string) (etag string, err error) {
	r := &Request{Operation: "PutObject", Method: "PUT", Key: name, Bytes: body}
	if len(body) == 0 {
		r.Bytes = []byte{}
	}
	r.Set("Content-Type", "application/octet-stream")
	switch {
	case ifMatch == "*":
	case o.alone != nil:
		o.alone.Lock()
		defer o.alone.Unlock()
		if err := o.holds(ctx, name, ifMatch); err != nil {
			return "", err
		}
	case ifMatch == "":
		r.Set("If-None-Match", "*")
	default:
		r.Set("If-Match", ifMatch)
	}
	a, err := o.do(ctx, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	return string(a.Get("Etag")), nil
}

// holds tests Put's condition; ErrExists when it fails.
func (o *Objects) holds(ctx context.Context, name, ifMatch string) error {
	etag := ""
	a, err := o.do(ctx, &Request{Operation: "HeadObject", Method: "HEAD", Key: name})
	switch {
	case err == nil:
		etag = string(a.Get("Etag"))
		a.Close()
		if etag == "" {
			return fmt.Errorf("the store gave no ETag of %q", name)
		}
	case !errors.Is(err, ErrNotExist):
		return err
	}
	if etag != ifMatch {
		return fmt.Errorf("%w: %q has the ETag %q, not %q", ErrExists, name, etag, ifMatch)
	}
	return nil
}

// Delete removes an object; that there is none is no error.
func (o *Objects) Delete(ctx context.Context, name string) error {
	a, err := o.do(ctx, &Request{Operation: "DeleteObject", Method: "DELETE", Key: name})
	if err != nil && !errors.Is(err, ErrNotExist) {
		return err
	}
	if a != nil {
		a.Close()
	}
	return nil
}

// createBucket is the request that makes a bucket, with the location stores outside us-east-1 require.
func (c *Client) createBucket(bucket string) *Request {
	r := &Request{Operation: "CreateBucket", Method: "PUT", Bucket: bucket}
	if zone := zoneOf(bucket); c.directory && zone != "" {
		r.Bytes = directoryConfiguration(zone)
	} else if c.o.Region != "us-east-1" && !c.directory {
		r.Bytes = []byte(`<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
			`<LocationConstraint>` + c.o.Region + `</LocationConstraint></CreateBucketConfiguration>`)
	}
	return r
}

// CreateBucket makes a bucket in the store, with Object Lock if it shall have that; a bucket that is there already is
// ErrExists.
func (c *Client) CreateBucket(ctx context.Context, bucket string, objectLock bool) error {
	r := c.createBucket(bucket)
	if objectLock {
		r.Set("x-amz-bucket-object-lock-enabled", "true")
	}
	a, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault("CreateBucket"); f != nil {
		if f.Status == http.StatusConflict {
			return fmt.Errorf("%w: %w", ErrExists, f)
		}
		return f
	}
	return nil
}
