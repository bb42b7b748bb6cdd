package objects

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// A Copy is one copy operation. The caller sets the fields up to the empty line.
type Copy struct {
	Object     *Object // the destination
	Source     *Source
	Encryption policy.Encryption         // of the copy
	Fresh      bool                      // calls KMS for the source's data key even if it is cached
	May        func(keyARN string) error // whether the client may open the source under its KMS key
	Conditions Conditions
	Tags       Tags
	Began      time.Time // of the request
	Scratch    *Scratch
	// describe puts metadata and the envelope onto the request that makes the copy.
	Describe func(r *store.Request, envelope []byte) error

	Checksum *crypto.Checksum // of the copy, nil when it isn't known
	Parts    int              // of which a composite one is made

	*Opened
	compute *s3.ChecksumKind // computed when the body passes through; nil: sum stays
}

// Run makes the copy with a checksum of this kind; nil keeps the source's. ErrReplaced means that the source was
// replaced meanwhile. The caller has checked permissions, and holds the key's claim where the copy replaces its source.
//
//	source ─▶ envelope ─▶ data key ─┬─ the KMS key stays: wrapped for the new place, the sealed bytes are transferred
//	                                └─ it changes, or the checksum's kind does: opened and sealed again
func (c *Copy) Run(ctx context.Context, kind *s3.ChecksumKind) (done *WriteResult, err error) {
	x := c.Object
	if c.Opened, err = c.Source.Open(ctx, c.Fresh, c.May); err != nil {
		return nil, err
	}
	defer c.Secrets.Wipe()
	if c.Parts = 1; c.layout != nil {
		c.Parts = c.layout.Parts()
	}
	if err := c.decideChecksum(ctx, kind); err != nil {
		return nil, err
	}
	switch {
	case c.compute == nil && c.sameKey():
		return c.rewrap(ctx)
	// the caller has the claim, or transfer.run needs none
	case c.Source.Object.SameName(x) || x.Objects.o.Abilities.ConditionalDelete:
		return c.reseal(ctx)
	}
	err = x.Claimed(ctx, func(ctx context.Context, _ *state.Claim) (err error) {
		done, err = c.reseal(ctx)
		return err
	}, x.Key)
	return done, err
}

// Self reports whether the copy replaces its source: an earlier version that was named stays.
func (c *Copy) Self() bool {
	return c.Source.Object.SameName(c.Object) && c.Source.Object.Version == ""
}

// sameKey reports whether the copy is sealed under the KMS key of the source.
func (c *Copy) sameKey() bool {
	e := c.Encryption
	return c.Source.Encryption().SSE == e.SSE && c.Envelope.KeyARN == c.Object.keyOf(e)
}

// decideChecksum decides which checksum the copy has. A copy is one part: the CRCs of an upload's parts are combined
// into that of the object. The SHA of such checksums can't be; it stays as it is when the body isn't opened.
func (c *Copy) decideChecksum(ctx context.Context, kind *s3.ChecksumKind) error {
	x := c.Source.Object
	sum, _, err := x.ChecksumOf(ctx, c.Opened)
	if err != nil {
		return err
	}
	if sum != nil && sum.Type == crypto.Composite && s3.ChecksumOf(sum.Algorithm).Full {
		if c.trailer == nil {
			if err := x.loadTrailer(ctx, c.Opened); err != nil {
				return err
			}
		}
		sum = combineParts(sum.Algorithm, c.trailer.Parts)
	}
	c.Checksum = sum
	switch {
	case kind != nil && (sum == nil || sum.Algorithm != kind.Algorithm || sum.Type != crypto.FullObject):
		c.compute = kind
	case sum == nil && c.Length > 0:
		c.compute = s3.ChecksumOf(crypto.CRC64NVME)
	}
	return nil
}

// combineParts makes the CRC of an object from those of its parts, nil if one has none.
func combineParts(algorithm crypto.Algorithm, parts []crypto.Part) *crypto.Checksum {
	var value []byte
	for i := range parts {
		part := parts[i].Checksum()
		switch {
		case part == nil || part.Algorithm != algorithm:
			return nil
		case i == 0:
			value = part.Value
		default:
			value = s3.CombineCRC(algorithm, value, part.Value, parts[i].Length)
		}
	}
	return &crypto.Checksum{Type: crypto.FullObject, Algorithm: algorithm, Value: append([]byte(nil), value...)}
}

// rewrap wraps the data key for the copy's place and has the sealed bytes transferred.
func (c *Copy) rewrap(ctx context.Context) (*WriteResult, error) {
	x := c.Object
	use, err := x.sealingKey(ctx, c.Encryption)
	if err != nil {
		return nil, fmt.Errorf("get a bucket key for %s: %w", x.Bucket, err)
	}
	defer use.Release()
	envelope := newEnvelope(c.Envelope.ObjectID, c.Encryption, use, c.Envelope.KeyARN)
	envelope.PartSalt, envelope.Multipart, envelope.Copied = c.Envelope.PartSalt, c.Envelope.Multipart, true
	secrets := crypto.Secrets{DataKey: c.Secrets.DataKey, HasLength: true, Length: c.Length, Checksum: c.Checksum}
	if err := envelope.Wrap(x.place(), use, secrets); err != nil {
		return nil, fmt.Errorf("seal the envelope: %w", err)
	}
	var r store.Request
	if err := c.Describe(&r, envelope.AppendText(nil)); err != nil {
		return nil, err
	}
	t := &transfer{
		from: c.Source, to: x, header: r.Header, envelope: &envelope, key: c.Secrets.DataKey, trailer: c.trailer,
		tags:  c.Tags,
		given: c.Conditions, start: c.Began,
	}
	t.held = t.inPlace()
	t.match, t.noneMatch = c.Conditions.Match, c.Conditions.NoneMatch
	return t.run(ctx)
}

// reseal opens the body and seals it under a new data key, as one part.
func (c *Copy) reseal(ctx context.Context) (*WriteResult, error) {
	x := c.Object
	if c.compute == nil && c.Checksum != nil && c.Checksum.Type == crypto.Composite {
		c.compute = s3.ChecksumOf(c.Checksum.Algorithm)
	}
	sum := c.Checksum
	switch {
	case c.compute != nil:
		sum = nil
	case sum == nil:
		c.compute = s3.ChecksumOf(crypto.CRC64NVME)
	}
	body, err := c.Source.Object.Read(ctx, c.Opened, 0, c.Length-1, sum, c.compute)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	p := c.Scratch.NewPut(x, c.Encryption, body, c.Began)
	p.Precomputed, p.copied = sum, true
	if p.Algorithm = crypto.CRC64NVME; sum != nil {
		p.Algorithm = sum.Algorithm
	} else if c.compute != nil {
		p.Algorithm = c.compute.Algorithm
	}
	var tagged store.Request
	if err := c.Tags.send(ctx, &tagged, c.Source); err != nil {
		return nil, err
	}
	ours := c.Self() && c.Conditions.Match == ""
	p.inParts = x.Objects.readsHoldWrites() && x.Objects.o.Abilities.ConditionalComplete && c.Source.Object.SameName(x)
	a, err := p.Send(ctx, func(r *store.Request, envelope []byte) error {
		if ours {
			r.Set("If-Match", c.Source.ETag)
		} else {
			c.Conditions.Set(r)
		}
		r.Header = append(r.Header, tagged.Header...)
		return c.Describe(r, envelope)
	})
	switch {
	case err != nil && ours && Translate(err).Code == "PreconditionFailed":
		return nil, ErrReplaced
	case err != nil:
		return nil, err
	case p.made != nil:
		c.Checksum = p.Checksum
		return p.made, nil
	}
	defer a.Close()
	if f := a.Fault("PutObject"); f != nil {
		if ours && f.Status == http.StatusPreconditionFailed {
			return nil, ErrReplaced
		}
		return nil, x.WriteFault(f, &c.Conditions)
	}
	c.Checksum = p.Checksum
	return &WriteResult{ETag: string(a.Get("Etag")), Modified: storeTime(a, c.Began), Version: x.VersionOf(a)}, nil
}
