package tools

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// maxDocument bounds the answers that are read whole.
const maxDocument = 1 << 20

// replace puts the same sealed bytes under s.header, which holds the new envelope text, if the object is still the
// version that was read; errReplaced if it isn't.
//
//	the store's self-copy is atomic, conditions hold      CopyObject
//	else                                                  GET and PUT, streamed
//	above the limit of one copy                           UploadPartCopy …, Complete
func (s *source) replace(ctx context.Context, text []byte) error {
	limit := s.p.CopyLimit
	if limit <= 0 {
		limit = crypto.StoredLength(crypto.MaxObjectPut)
	}
	a := &s.p.Abilities
	switch {
	case s.total > limit:
		return s.byParts(ctx, limit, text)
	case s.total > 0 && a.AtomicSelfCopy && a.ConditionalCopy:
		return s.selfCopy(ctx)
	}
	return s.through(ctx)
}

func (s *source) request(operation, method string) *store.Request {
	return &store.Request{Operation: operation, Method: method, Bucket: s.p.storeName, Key: s.key}
}

// send sends a request whose answer is a document, and reads it into document unless nil. A 200 may carry an error.
func (s *source) send(ctx context.Context, r *store.Request, document any) error {
	a, err := s.p.Store.Do(ctx, r)
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
	}
	if err := xml.Unmarshal(body, &failed); err != nil {
		return fmt.Errorf("the store answered %s without a document: %w", r.Operation, err)
	}
	if failed.XMLName.Local == "Error" {
		if failed.Code == "PreconditionFailed" {
			return errReplaced
		}
		return &store.Fault{Operation: r.Operation, Status: http.StatusInternalServerError, Code: failed.Code}
	}
	if document == nil {
		return nil
	}
	return xml.Unmarshal(body, document)
}

func (s *source) setSource(r *store.Request) {
	name := url.URL{Path: "/" + s.p.storeName + "/" + s.key}
	r.Set("x-amz-copy-source", strings.ReplaceAll(name.EscapedPath(), "+", "%2B"))
	r.Set("x-amz-copy-source-if-match", s.etag)
}

func (s *source) selfCopy(ctx context.Context) error {
	r := s.request("CopyObject", "PUT")
	r.Header = append(r.Header, s.header...)
	s.setSource(r)
	r.Set("If-Match", s.etag)
	r.Set("x-amz-metadata-directive", "REPLACE")
	r.Set("x-amz-tagging-directive", "COPY")
	var result struct{ ETag string }
	return s.send(ctx, r, &result)
}

func (s *source) through(ctx context.Context) error {
	r := s.request("PutObject", "PUT")
	r.Header = append(r.Header, s.header...)
	r.Set("If-Match", s.etag)
	if err := s.setTags(ctx, r); err != nil {
		return err
	}
	if s.total == 0 {
		r.Bytes = []byte{}
		return s.send(ctx, r, nil)
	}
	a, err := s.p.get(ctx, s.key, -1, s.etag)
	if err != nil {
		return err
	}
	defer a.Close()
	if a.Length != s.total || string(a.Get(s.p.MetadataHeader)) != string(s.text) {
		return errReplaced
	}
	r.Body, r.Length = through{a}, s.total
	return s.send(ctx, r, nil)
}

// setTags puts the object's tags onto a request that makes it of bytes.
func (s *source) setTags(ctx context.Context, r *store.Request) error {
	if !s.tagged {
		return nil
	}
	q := s.request("GetObjectTagging", "GET")
	q.Query = store.AppendQuery("", "tagging", "")
	var tagging struct {
		TagSet struct {
			Tag []struct{ Key, Value string }
		}
	}
	if err := s.send(ctx, q, &tagging); err != nil {
		return fmt.Errorf("read its tags: %w", err)
	}
	values := url.Values{}
	for _, tag := range tagging.TagSet.Tag {
		values.Set(tag.Key, tag.Value)
	}
	r.Set("x-amz-tagging", values.Encode())
	return nil
}

// byParts has the store copy an object that is too large for one copy.
func (s *source) byParts(ctx context.Context, limit int64, text []byte) (err error) {
	if !s.p.Abilities.ConditionalComplete {
		return errors.New("it is larger than one copy of the store may be, and the store has no conditional CompleteMultipartUpload: write it anew")
	}
	r := s.request("CreateMultipartUpload", "POST")
	r.Query = "uploads="
	r.Header = append(r.Header, s.header...)
	if err := s.setTags(ctx, r); err != nil {
		return err
	}
	var upload struct{ UploadId string }
	if err := s.send(ctx, r, &upload); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			abort := s.request("AbortMultipartUpload", "DELETE")
			abort.Query = store.AppendQuery("", "uploadId", upload.UploadId)
			_ = s.send(context.WithoutCancel(ctx), abort, nil) // the store's lifecycle does it else
		}
	}()
	var list strings.Builder
	list.WriteString(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	count := (s.total + limit - 1) / limit
	each := (s.total + count - 1) / count
	for number, first := 1, int64(0); first < s.total; number, first = number+1, first+each {
		r := s.request("UploadPartCopy", "PUT")
		r.Query = store.AppendQuery("partNumber="+strconv.Itoa(number), "uploadId", upload.UploadId)
		s.setSource(r)
		r.Set("x-amz-copy-source-range", fmt.Sprintf("bytes=%d-%d", first, min(s.total, first+each)-1))
		var part struct{ ETag string }
		if err := s.send(ctx, r, &part); err != nil {
			return err
		}
		fmt.Fprintf(&list, "<Part><PartNumber>%d</PartNumber><ETag>", number)
		_ = xml.EscapeText(&list, []byte(part.ETag))
		list.WriteString("</ETag></Part>")
	}
	list.WriteString("</CompleteMultipartUpload>")
	r = s.request("CompleteMultipartUpload", "POST")
	r.Query = store.AppendQuery("", "uploadId", upload.UploadId)
	r.Bytes = []byte(list.String())
	r.Header = append(r.Header, sigv4.Field{Name: []byte("If-Match"), Value: []byte(s.etag)})
	r.Set("Content-Type", "application/xml")
	if err := s.send(ctx, r, nil); err != nil {
		return err
	}
	// Some stores answer 200 to a Complete that did nothing: what is there counts.
	a, err := s.p.get(ctx, s.key, 1, "")
	if err != nil {
		return err
	}
	defer a.Close()
	if string(a.Get(s.p.MetadataHeader)) != string(text) {
		return errReplaced
	}
	return nil
}
