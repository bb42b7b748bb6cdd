package tools

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"sealfront/crypto"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// maxDocument bounds the answers that are read whole.
const maxDocument = 1 << 20

func field(name, value string) sigv4.Field {
	return sigv4.Field{Name: []byte(name), Value: []byte(value)}
}

// ifMatch makes a request one for the version with this ETag, unless "".
func ifMatch(r *store.Request, etag string) {
	if etag != "" {
		r.Set("If-Match", etag)
	}
}

// do sends a request about an object and returns the answer to one that succeeded: errGone if there is no such object,
// errReplaced if a condition failed.
func do(ctx context.Context, client *store.Client, r *store.Request) (*store.Answer, error) {
	a, err := client.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	f := a.Fault(r.Operation)
	if f == nil {
		return a, nil
	}
	a.Close()
	switch {
	case f.Status == http.StatusPreconditionFailed:
		return nil, errReplaced
	case f.Status == http.StatusNotFound && f.Code != "NoSuchBucket":
		return nil, errGone
	}
	return nil, f
}

// send sends a request whose answer is a document, and reads it into document unless nil. A 200 may carry an error.
func send(ctx context.Context, client *store.Client, r *store.Request, document any) error {
	a, err := client.Do(ctx, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return replaced(f)
	}
	body, err := a.Bytes(maxDocument)
	if err != nil || len(body) == 0 && document == nil {
		return err
	}
	var failed struct {
		XMLName xml.Name
		Code    string
		Message string
	}
	if err := xmldoc.Unmarshal(body, &failed); err != nil {
		return fmt.Errorf("the store answered %s without a document: %w", r.Operation, err)
	}
	if failed.XMLName.Local == "Error" {
		if failed.Code == "PreconditionFailed" {
			return errReplaced
		}
		return &store.Fault{
			Operation: r.Operation, Status: http.StatusInternalServerError, Code: failed.Code, Message: failed.Message,
		}
	}
	if document == nil {
		return nil
	}
	return xmldoc.Unmarshal(body, document)
}

// replaced makes a condition that failed errReplaced; other faults are returned as they are.
func replaced(f *store.Fault) error {
	switch {
	case f.Status == http.StatusPreconditionFailed, f.Status == http.StatusConflict,
		f.Status == http.StatusNotFound && f.Code != "NoSuchBucket":
		return errReplaced
	}
	return f
}

// asFault finds the refusal of a store, or of a proxy, in an error.
func asFault(err error) (*store.Fault, bool) {
	return errors.AsType[*store.Fault](err)
}

// tagsOf reads an object's tags.
func tagsOf(ctx context.Context, client *store.Client, bucket, key string) (url.Values, error) {
	r := &store.Request{Operation: "GetObjectTagging", Method: "GET", Bucket: bucket, Key: key, Query: "tagging="}
	var tagging struct {
		TagSet struct {
			Tag []struct{ Key, Value string }
		}
	}
	if err := send(ctx, client, r, &tagging); err != nil {
		return nil, fmt.Errorf("read its tags: %w", err)
	}
	tags := url.Values{}
	for _, tag := range tagging.TagSet.Tag {
		tags.Set(tag.Key, tag.Value)
	}
	return tags, nil
}

// stream is a request's body of length bytes of an answer.
type stream struct {
	from   io.Reader
	length int64
}

// WriteTo implements io.WriterTo. A body that ends early is an error, so that nothing is stored.
func (t stream) WriteTo(w io.Writer) (int64, error) {
	slab := make([]byte, min(max(1, t.length), crypto.SealedSegmentSize))
	defer clear(slab) // it may be plaintext
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(t.from, t.length), slab)
	if err == nil && n < t.length {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
