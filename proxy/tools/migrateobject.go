package tools

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

// Outcomes of looking at the sealed bucket.
var (
	errPresent = errors.New("an object has this name already")
	errMissing = errors.New("no object has this name")
)

// find looks at an object of the source and decides how it is written. Of a small one the body comes along.
func (g *migration) find(ctx context.Context, e entry) (s *clientObject, how *shape, err error) {
	found, err := g.from.read(ctx, e.key, "", e.size < crypto.MinPartSize)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			found.close()
		}
	}()
	if err := g.inTheClear(found); err != nil {
		return nil, nil, err
	}
	parts, err := g.from.parts(ctx, found)
	if err != nil {
		return nil, nil, err
	}
	how, err = shapeOf(found, parts, cmp.Or(g.PutLimit, crypto.MaxObjectPut))
	return found, how, err
}

// inTheClear refuses what looks sealed: it would be sealed twice, and its envelope belongs to another place.
func (g *migration) inTheClear(s *clientObject) error {
	if _, ok := s.header["x-amz-missing-meta"]; ok {
		return refusedf("metadata", "it has metadata that the store can't tell")
	}
	for name, value := range s.header {
		if !strings.HasPrefix(name, "x-amz-meta-") {
			continue
		}
		_, err := crypto.ParseEnvelopeText([]byte(value))
		if name == g.metadataHeader || name == "x-amz-meta-sealfront" || err == nil {
			return refusedf("sealed", "it looks sealed: its metadata has an envelope, %s", name)
		}
	}
	if g.to.directory && g.target(s.key) == "/" {
		return refusedf("key", "a directory bucket can't have the key %q", "/")
	}
	return nil
}

// body begins to read an object of the source, of the version that was seen.
func (g *migration) body(ctx context.Context, s *clientObject) error {
	if s.answer != nil {
		return nil
	}
	now, err := g.from.read(ctx, s.key, s.etag, true)
	if errors.Is(err, errGone) {
		err = errReplaced
	}
	if err != nil {
		return err
	}
	if s.answer = now.answer; s.answer.Length != s.length || now.modified != s.modified {
		return errReplaced
	}
	return nil
}

// copy makes the sealed object of one in the source, unless something has its name: errPresent then.
func (g *migration) copy(ctx context.Context, e entry) error {
	there, err := g.to.read(ctx, g.target(e.key), "", false)
	switch {
	case err == nil:
		there.close()
		return errPresent
	case !errors.Is(err, errGone):
		return ofProxy(err)
	}
	s, how, err := g.find(ctx, e)
	if err != nil {
		return err
	}
	defer s.close()
	header, err := g.header(ctx, s)
	if err != nil {
		return err
	}
	if err := g.body(ctx, s); err != nil {
		return err
	}
	if how.parts == nil {
		err = g.put(ctx, s, header)
	} else {
		err = g.putParts(ctx, s, how.parts, header)
	}
	if errors.Is(err, errReplaced) { // another writer was faster
		return errPresent
	}
	if err != nil {
		return ofProxy(err)
	}
	g.w.mu.Lock()
	defer g.w.mu.Unlock()
	g.r.Copied++
	g.r.Bytes += s.length
	if !how.kept {
		g.r.Reshaped++
	}
	return nil
}

// header is all that a source object's copy gets but its bytes and its checksum.
func (g *migration) header(ctx context.Context, s *clientObject) ([]sigv4.Field, error) {
	var header []sigv4.Field
	for _, name := range s.names() {
		header = append(header, field(name, s.header[name]))
	}
	if !s.tagged || g.withoutTags() {
		return header, nil
	}
	tags, err := g.from.tags(ctx, s)
	if err != nil {
		return nil, err
	}
	if g.to.directory {
		return nil, refusedf("tags",
			"it has %d tags, and a directory bucket's objects can't have any; --drop-tags migrates it without them", len(tags))
	}
	return append(header, field("x-amz-tagging", tags.Encode())), nil
}

func (g *migration) withoutTags() bool { return g.DropTags && g.to.directory }

// put makes an object by one request. The proxy compares the checksum before anything is visible.
func (g *migration) put(ctx context.Context, s *clientObject, header []sigv4.Field) error {
	r := g.to.request("PutObject", "PUT", g.target(s.key))
	r.Header = append(header, field("If-None-Match", "*"))
	if c := s.checksum; c != nil {
		r.Set(c.header(), c.value)
	}
	if s.length == 0 {
		r.Bytes = []byte{}
	} else {
		r.Body, r.Length = stream{s.answer, s.length}, s.length
	}
	return send(ctx, g.to.client, r, nil)
}

// putParts makes an object of parts of these sizes. The proxy compares the parts' checksums, combined, with the
// source's.
func (g *migration) putParts(
	ctx context.Context, s *clientObject, parts []shownPart, header []sigv4.Field,
) (err error) {
	element := ""
	if c := s.checksum; c != nil {
		header = append(header, field("x-amz-checksum-algorithm", c.algorithm), field("x-amz-checksum-type", c.kind()))
		element = "Checksum" + c.algorithm
	}
	u, err := beginUpload(ctx, g.to.client, g.to.bucket, g.target(s.key), header)
	if err != nil {
		return err
	}
	defer func() {
		u.abandon(ctx)
		err = errors.Join(err, g.w.uploadEnded(u.id))
	}()
	if err := g.w.uploadBegan(u.id, u.key); err != nil {
		return err
	}
	for at, i := int64(0), 0; i < len(parts); at, i = at+parts[i].size, i+1 {
		part := parts[i]
		if s.isComposite() && part.checksum == "" {
			if part.checksum, err = g.sumPart(ctx, s, at, part.size); err != nil {
				return err
			}
		}
		if err := g.putPart(ctx, u, s, part, element); err != nil {
			return err
		}
	}
	conditions := []sigv4.Field{
		field("If-None-Match", "*"), field("x-amz-mp-object-size", strconv.FormatInt(s.length, 10)),
	}
	if c := s.checksum; c != nil {
		conditions = append(conditions, field(c.header(), c.value), field("x-amz-checksum-type", c.kind()))
	}
	return u.complete(ctx, conditions...)
}

// putPart makes the next part of the next bytes of the source.
func (g *migration) putPart(ctx context.Context, u *upload, s *clientObject, part shownPart, element string) error {
	r := u.next("UploadPart")
	if part.checksum != "" {
		r.Set(s.checksum.header(), part.checksum)
	}
	if part.size == 0 {
		r.Bytes = []byte{}
	} else {
		r.Body, r.Length = stream{s.answer, part.size}, part.size
	}
	a, err := u.client.Do(ctx, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return replaced(f)
	}
	checksum := ""
	if element != "" {
		if checksum = string(a.Get(s.checksum.header())); checksum == "" {
			return fmt.Errorf("the proxy answered UploadPart without %s", s.checksum.header())
		}
	}
	u.accept(string(a.Get("Etag")), element, checksum)
	return nil
}

// sumPart reads a part of the source for its checksum, which a composite one is made of: the proxy wants it before the
// part.
func (g *migration) sumPart(ctx context.Context, s *clientObject, first, size int64) (string, error) {
	kind := s3.ChecksumByName(s.checksum.algorithm)
	if kind == nil || !kind.Composite {
		return "", refusedf("checksum", "it has a checksum by %s of its parts' checksums, which S3 doesn't have",
			s.checksum.algorithm)
	}
	h := kind.Make()
	if size > 0 {
		r := g.from.request("GetObject", "GET", s.key)
		r.Set("Range", fmt.Sprintf("bytes=%d-%d", first, first+size-1))
		ifMatch(r, s.etag)
		a, err := do(ctx, g.from.client, r)
		if err != nil {
			return "", err
		}
		defer a.Close()
		if n, err := io.Copy(h, a); err != nil || n != size {
			return "", fmt.Errorf("read %d bytes from %d on, got %d: %w", size, first, n, cmp.Or(err, io.ErrUnexpectedEOF))
		}
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}
