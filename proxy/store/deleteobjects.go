package store

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"sealfront/policy/xmldoc"
)

// MaxDeletions is how many objects one DeleteObjects may name.
const MaxDeletions = 1000

// A Deletion is one object, or one version of it, of a DeleteObjects.
type Deletion struct{ Key, Version string }

// NewDeleteObjects is a request that deletes up to MaxDeletions objects of a bucket. With quiet the store reports only
// what failed.
func NewDeleteObjects(bucket string, quiet bool, list []Deletion) *Request {
	var b strings.Builder
	b.WriteString(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	if quiet {
		b.WriteString("<Quiet>true</Quiet>")
	}
	for _, d := range list {
		b.WriteString("<Object><Key>")
		_ = xml.EscapeText(&b, []byte(d.Key))
		b.WriteString("</Key>")
		if d.Version != "" {
			b.WriteString("<VersionId>")
			_ = xml.EscapeText(&b, []byte(d.Version))
			b.WriteString("</VersionId>")
		}
		b.WriteString("</Object>")
	}
	b.WriteString("</Delete>")
	r := &Request{
		Operation: "DeleteObjects", Method: "POST", Bucket: bucket, Query: "delete=", Bytes: []byte(b.String()),
	}
	sum := md5.Sum(r.Bytes)
	r.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	r.Set("Content-Type", "application/xml")
	return r
}

// DeleteIf removes an object whose ETag is etag. ErrExists when it is another, ErrNotExist when there is none. The
// store must hold conditions of deletions: Abilities.ConditionalDelete.
func (o *Objects) DeleteIf(ctx context.Context, name, etag string) error {
	r := &Request{Operation: "DeleteObject", Method: "DELETE", Key: name}
	r.Set("If-Match", etag)
	a, err := o.do(ctx, r)
	if err == nil {
		a.Close()
	}
	return err
}

// deletionsAtOnce is how many deletions are in flight together on a store without DeleteObjects.
const deletionsAtOnce = 16

// DeleteAll removes objects; those that aren't there are no error. It costs a request a thousand, or one each where
// the store has no DeleteObjects. After an error some may have been removed.
func (o *Objects) DeleteAll(ctx context.Context, names []string) error {
	for len(names) > 0 {
		batch := names[:min(len(names), MaxDeletions)]
		names = names[len(batch):]
		if len(batch) == 1 {
			if err := o.Delete(ctx, batch[0]); err != nil {
				return err
			}
			continue
		}
		list := make([]Deletion, len(batch))
		for i, name := range batch {
			list[i].Key = name
		}
		err := o.deleteBatch(ctx, list)
		var f *Fault
		if errors.As(err, &f) && (f.Status == http.StatusNotImplemented || f.Status == http.StatusMethodNotAllowed) {
			err = o.deleteEach(ctx, batch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *Objects) deleteBatch(ctx context.Context, list []Deletion) error {
	a, err := o.do(ctx, NewDeleteObjects(o.bucket, true, list))
	if err != nil {
		return err
	}
	defer a.Close()
	body, err := a.Bytes(maxObject)
	if err != nil {
		return err
	}
	var result struct {
		Error []struct{ Key, Code, Message string }
	}
	if err := xmldoc.Unmarshal(body, &result); err != nil {
		return fmt.Errorf("read the store's answer to DeleteObjects: %w", err)
	}
	for _, e := range result.Error {
		if e.Code != "NoSuchKey" {
			return &Fault{Operation: "DeleteObjects", Status: http.StatusInternalServerError, Code: e.Code, Message: e.Message}
		}
	}
	return nil
}

func (o *Objects) deleteEach(ctx context.Context, names []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(deletionsAtOnce)
	for _, name := range names {
		group.Go(func() error { return o.Delete(ctx, name) })
	}
	return group.Wait()
}
