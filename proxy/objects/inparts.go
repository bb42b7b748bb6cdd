package objects

import (
	"context"
	"fmt"
	"strings"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// readsHoldWrites reports whether the store makes a conditional PUT wait, before it reads a byte of it, until nobody
// reads the object any more (MinIO): who writes an object from itself in such a PUT would wait for the store, and the
// store for him. Stores that were seen to do so copy an object onto itself in one step, without looking at conditions.
func (g *Objects) readsHoldWrites() bool {
	return g.o.Abilities.AtomicSelfCopy && !g.o.Abilities.ConditionalCopy
}

// sendInParts makes the object of r's body by an upload of one part, which waits for nobody: the conditions are those
// of Complete, and by then the body has been read to its end.
func (p *put) sendInParts(ctx context.Context, r *store.Request) (*Written, error) {
	var header, conditions []sigv4.Field
	for _, f := range r.Header {
		if name := s3.View(f.Name); strings.EqualFold(name, "If-Match") || strings.EqualFold(name, "If-None-Match") {
			conditions = append(conditions, f)
		} else {
			header = append(header, f)
		}
	}
	u, err := p.object.beginStoreUpload(ctx, header)
	if err != nil {
		return nil, err
	}
	defer u.abandon(ctx)
	if err := u.putPart(ctx, r.Length, r.Body); err != nil {
		return nil, err
	}
	sent, err := p.sent()
	if err != nil {
		return nil, err
	}
	etag, err := u.complete(ctx, conditions, sent)
	if err != nil {
		return nil, err
	}
	return &Written{ETag: etag, Modified: p.start, Version: u.version}, nil
}

// sent is the envelope as the store was given it, by whose wrap salt the object is known.
func (p *put) sent() (*crypto.Envelope, error) {
	e, err := crypto.ParseEnvelopeText(p.scratch.envelope)
	if err != nil {
		return nil, fmt.Errorf("read the envelope that was sent: %w", err)
	}
	return e, nil
}
