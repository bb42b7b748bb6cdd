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

// readsHoldWrites reports whether the store makes a conditional PUT wait until no request reads the object, before it
// reads a byte of the PUT (MinIO). Writing an object from itself in such a PUT would be a deadlock. Stores that were
// seen to do so copy an object onto itself in one step, and ignore conditions on it.
func (g *Objects) readsHoldWrites() bool {
	return g.o.Abilities.AtomicSelfCopy && !g.o.Abilities.ConditionalCopy
}

// sendInParts makes the object of r's body by an upload of one part, which waits for no reader: the conditions are
// those of Complete, and by then the body has been read to its end.
func (p *Put) sendInParts(ctx context.Context, r *store.Request) (*WriteResult, error) {
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
	sent, err := p.sentEnvelope()
	if err != nil {
		return nil, err
	}
	etag, err := u.complete(ctx, conditions, sent)
	if err != nil {
		return nil, err
	}
	return &WriteResult{ETag: etag, Modified: p.start, Version: u.version}, nil
}

// sentEnvelope is the envelope as the store was given it; its wrap salt identifies the object.
func (p *Put) sentEnvelope() (*crypto.Envelope, error) {
	e, err := crypto.ParseEnvelopeText(p.scratch.envelope)
	if err != nil {
		return nil, fmt.Errorf("read the envelope that was sent: %w", err)
	}
	return e, nil
}
