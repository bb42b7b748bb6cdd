package gateway

import (
	"fmt"
	"net/http"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// A copying is a copy of an object. Its fields up to the empty line are the caller's.
type copying struct {
	x          *object // the destination
	from       *origin
	encryption policy.Encryption         // of the copy
	fresh      bool                      // KMS is called for the source's data key, whatever is cached
	may        func(keyARN string) error // whether the client may open the source under its KMS key
	asked      asked
	tags       copiedTags
	start      time.Time // of the request
	scratch    *Scratch
	// describe puts metadata and the envelope onto the request that makes the copy.
	describe func(r *store.Request, envelope []byte) error

	sum   *crypto.Checksum // of the copy, nil when it isn't known
	parts int              // of which a composite one is made

	*opened
	compute *s3.ChecksumKind // computed when the body passes through; nil: sum stays
}

// run makes the copy, with a checksum of the kind wanted, nil for that of the source. errReplaced means that the source
// is another by now. The caller has seen to permissions, and holds the key's claim where the copy lies in the source's
// place.
//
//	source ─▶ envelope ─▶ data key ─┬─ the KMS key stays: wrapped for the new place, the sealed bytes are transferred
//	                                └─ it changes, or another checksum is wanted: opened and sealed anew
func (c *copying) run(wanted *s3.ChecksumKind) (done *transferred, err error) {
	x := c.x
	if c.opened, err = c.from.open(c.fresh, c.may); err != nil {
		return nil, err
	}
	defer c.secrets.Wipe()
	if c.parts = 1; c.layout != nil {
		c.parts = c.layout.Parts()
	}
	if err := c.decideChecksum(wanted); err != nil {
		return nil, err
	}
	switch {
	case c.compute == nil && c.sameKey():
		return c.rewrap()
	case c.from.x.sameName(x) || x.in.o.Abilities.ConditionalDelete: // it has the claim, or needs none (transfer.run)
		return c.reseal()
	}
	err = x.claimed(func(*state.Claim) (err error) {
		done, err = c.reseal()
		return err
	}, x.key)
	return done, err
}

// self reports whether the copy replaces its source: an earlier version that was named stays.
func (c *copying) self() bool { return c.from.x.sameName(c.x) && c.from.x.version == "" }

// sameKey reports whether the copy is sealed under the KMS key of the source.
func (c *copying) sameKey() bool {
	e := c.encryption
	return c.from.encryption().SSE == e.SSE && c.envelope.KeyARN == c.x.keyOf(e)
}

// decideChecksum decides which checksum the copy has. A copy is one part: the CRCs of an upload's parts are combined into
// that of the object. The SHA of such checksums can't be; it stays as it is when the body isn't opened.
func (c *copying) decideChecksum(wanted *s3.ChecksumKind) error {
	x := c.from.x
	sum, _, err := x.checksumOf(c.opened)
	if err != nil {
		return err
	}
	if sum != nil && sum.Type == crypto.Composite && s3.ChecksumOf(sum.Algorithm).Full {
		if c.trailer == nil {
			if err := x.loadTrailer(c.opened); err != nil {
				return err
			}
		}
		sum = combineParts(sum.Algorithm, c.trailer.Parts)
	}
	c.sum = sum
	switch {
	case wanted != nil && (sum == nil || sum.Algorithm != wanted.Algorithm || sum.Type != crypto.FullObject):
		c.compute = wanted
	case sum == nil && c.length > 0:
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
func (c *copying) rewrap() (*transferred, error) {
	x := c.x
	use, err := x.sealingKey(c.encryption)
	if err != nil {
		return nil, fmt.Errorf("get a bucket key for %s: %w", x.bucket, err)
	}
	defer use.Release()
	envelope := newEnvelope(c.envelope.ObjectID, c.encryption, use, c.envelope.KeyARN)
	envelope.PartSalt, envelope.Multipart, envelope.Copied = c.envelope.PartSalt, c.envelope.Multipart, true
	secrets := crypto.Secrets{DataKey: c.secrets.DataKey, HasLength: true, Length: c.length, Checksum: c.sum}
	if err := envelope.Wrap(x.place(), use, secrets); err != nil {
		return nil, fmt.Errorf("seal the envelope: %w", err)
	}
	var r store.Request
	if err := c.describe(&r, envelope.AppendText(nil)); err != nil {
		return nil, err
	}
	t := &transfer{
		from: c.from, to: x, header: r.Header, envelope: &envelope, key: c.secrets.DataKey, trailer: c.trailer, tags: c.tags,
		asked: c.asked, start: c.start,
	}
	t.held = t.inPlace()
	t.match, t.noneMatch = c.asked.match, c.asked.noneMatch
	return t.run()
}

// reseal opens the body and seals it under a new data key, as one part.
func (c *copying) reseal() (*transferred, error) {
	x := c.x
	if c.compute == nil && c.sum != nil && c.sum.Type == crypto.Composite {
		c.compute = s3.ChecksumOf(c.sum.Algorithm)
	}
	known := c.sum
	switch {
	case c.compute != nil:
		known = nil
	case known == nil:
		c.compute = s3.ChecksumOf(crypto.CRC64NVME)
	}
	body, err := c.from.x.read(c.opened, 0, c.length-1, known, c.compute)
	if err != nil {
		return nil, err
	}
	defer body.close()
	p := c.scratch.newPut(x, c.encryption, body, c.start)
	p.known, p.copied = known, true
	if p.algorithm = crypto.CRC64NVME; known != nil {
		p.algorithm = known.Algorithm
	} else if c.compute != nil {
		p.algorithm = c.compute.Algorithm
	}
	var tagged store.Request
	if err := c.tags.send(&tagged, c.from); err != nil {
		return nil, err
	}
	ours := c.self() && c.asked.match == ""
	p.inParts = x.in.readsHoldWrites() && x.in.o.Abilities.ConditionalComplete && c.from.x.sameName(x)
	a, err := p.send(func(r *store.Request, envelope []byte) error {
		if ours {
			r.Set("If-Match", c.from.etag)
		} else {
			c.asked.set(r)
		}
		r.Header = append(r.Header, tagged.Header...)
		return c.describe(r, envelope)
	})
	switch {
	case err != nil && ours && answerTo(err).Code == "PreconditionFailed":
		return nil, errReplaced
	case err != nil:
		return nil, err
	case p.made != nil:
		c.sum = p.checksum
		return p.made, nil
	}
	defer a.Close()
	if f := a.Fault("PutObject"); f != nil {
		if ours && f.Status == http.StatusPreconditionFailed {
			return nil, errReplaced
		}
		return nil, x.writeFault(f, &c.asked)
	}
	c.sum = p.checksum
	return &transferred{etag: string(a.Get("Etag")), modified: storeTime(a, c.start), version: x.versionOf(a)}, nil
}
