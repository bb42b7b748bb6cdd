package tools

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"sealfront/crypto"
	"sealfront/proxy/store"
)

// replace puts the same sealed bytes under s.header, which holds the new envelope text, if the object is still the
// version that was read; errReplaced if it isn't.
//
//	the store's self-copy is atomic, conditions hold      CopyObject
//	else                                                  GET and PUT, streamed, with an end that is sealed anew
//	above the limit of one copy, or where reading holds   UploadPartCopy …, Complete
//	up a conditional PUT of the same object (MinIO)
//
// A new end gives the object an ETag that none ever had, so that whoever writes under the old one sees the change.
func (s *source) replace(ctx context.Context, text []byte) error {
	limit := s.p.CopyLimit
	if limit <= 0 {
		limit = crypto.StoredLength(crypto.MaxObjectPut)
	}
	a := &s.p.Abilities
	switch {
	case s.total > limit, s.total > streamedBelow && a.AtomicSelfCopy && !a.ConditionalCopy && a.ConditionalComplete:
		return s.byParts(ctx, limit, text)
	case s.total > 0 && a.AtomicSelfCopy && a.ConditionalCopy:
		return s.selfCopy(ctx)
	}
	return s.through(ctx)
}

// streamedBelow is the size that fits into the buffers between the store and here, so that it is read before it is written back.
const streamedBelow = 256 << 10

func (s *source) request(operation, method string) *store.Request {
	return &store.Request{Operation: operation, Method: method, Bucket: s.p.storeName, Key: s.key}
}

func (s *source) send(ctx context.Context, r *store.Request, document any) error {
	return send(ctx, s.p.Store, r, document)
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
	end, err := s.secrets.DataKey.AppendTrailer(nil, &s.envelope.ObjectID, s.trailer)
	if err != nil {
		return fmt.Errorf("seal its trailer: %w", err)
	}
	r.Body, r.Length = through{store.ReplaceEnd(a, s.total, end), s.total}, s.total
	return s.send(ctx, r, nil)
}

// setTags puts the object's tags onto a request that makes it of bytes.
func (s *source) setTags(ctx context.Context, r *store.Request) error {
	if !s.tagged {
		return nil
	}
	tags, err := tagsOf(ctx, s.p.Store, s.p.storeName, s.key)
	if err != nil {
		return err
	}
	r.Set("x-amz-tagging", tags.Encode())
	return nil
}

// byParts has the store copy an object that is too large for one copy.
func (s *source) byParts(ctx context.Context, limit int64, text []byte) error {
	if !s.p.Abilities.ConditionalComplete {
		return errors.New("it is larger than one copy of the store may be, and the store has no conditional CompleteMultipartUpload: write it anew")
	}
	create := &store.Request{Header: slices.Clone(s.header)}
	if err := s.setTags(ctx, create); err != nil {
		return err
	}
	u, err := beginUpload(ctx, s.p.Store, s.p.storeName, s.key, create.Header)
	if err != nil {
		return err
	}
	defer u.abandon(ctx)
	count := (s.total + limit - 1) / limit
	each := (s.total + count - 1) / count
	for first := int64(0); first < s.total; first += each {
		r := u.next("UploadPartCopy")
		s.setSource(r)
		r.Set("x-amz-copy-source-range", fmt.Sprintf("bytes=%d-%d", first, min(s.total, first+each)-1))
		var part struct{ ETag string }
		if err := s.send(ctx, r, &part); err != nil {
			return err
		}
		u.accept(part.ETag, "", "")
	}
	if err := u.complete(ctx, field("If-Match", s.etag)); err != nil {
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
