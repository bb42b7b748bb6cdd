package gateway

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// copyObject carries out CopyObject.
//
//	source ─▶ metadata and end ─▶ envelope ─▶ KMS key ─▶ data key ─┬─ the KMS key stays: wrapped for the new place, the store copies the bytes
//	                                                   └─ it changes, or another checksum is asked for: opened and sealed anew
//
// With a directory bucket on either side KMS is asked each time, for the source and for the destination, and no bucket
// key is used (R17); SSE-S3 to SSE-S3 needs no call. What is damaged in the source's body shows when the copy is read,
// as in the source: a body that the store copies is not opened.
//
// Requests to the store: a look at the source, the destination's claim, and the copy. Where the bytes pass through (transfer.go
// says when) GET and PUT instead of the two. A copy of an object onto itself has its key's claim from the beginning.
func copyObject(x *exchange) error {
	asked, err := x.copyAlgorithm()
	if err != nil {
		return err
	}
	if err := x.conditionsHold(x.g.o.Abilities.ConditionalPut); err != nil {
		return err
	}
	if err := x.checkObjectLock(); err != nil {
		return err
	}
	source, err := x.copySource()
	if err != nil {
		return err
	}
	once := func() error { return again(func() error { return copyOnce(x, source, asked) }) }
	if !source.sameName(&x.object) {
		return once()
	}
	return x.claimed(func(*state.Claim) error {
		source.context = x.context
		return once()
	}, x.key)
}

// copyAlgorithm reads which checksum the copy shall have; nil: that of the source.
func (x *exchange) copyAlgorithm() (*s3.ChecksumKind, error) {
	name := x.headerValue("x-amz-checksum-algorithm")
	if name == "" {
		return nil, nil
	}
	kind := s3.ChecksumByName(strings.ToUpper(name))
	if kind == nil {
		return nil, s3.UnsupportedAlgorithm()
	}
	return kind, nil
}

// A copying is a CopyObject whose source has been opened.
type copying struct {
	x    *exchange // at the destination
	from *origin
	*opened
	sum     *crypto.Checksum // of the copy, nil when it isn't known
	compute *s3.ChecksumKind // computed when the body passes through; nil: sum stays
}

func copyOnce(x *exchange, source *object, asked *s3.ChecksumKind) error {
	from, err := source.origin()
	if err != nil {
		return err
	}
	if err := x.decideSource(from); err != nil {
		return err
	}
	if from.length > crypto.MaxObjectPut {
		return s3.Refuse("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	if err := x.permitTags(from); err != nil {
		return err
	}
	c := &copying{x: x, from: from}
	if err := c.checkSelf(); err != nil {
		return err
	}
	if c.opened, err = from.open(x.asksKMS(from)); err != nil {
		return err
	}
	defer c.secrets.Wipe()
	if err := c.decideChecksum(asked); err != nil {
		return err
	}
	var done *transferred
	switch {
	case c.compute == nil && c.sameKey():
		done, err = c.rewrap()
	case from.x.sameName(&x.object) || x.g.o.Abilities.ConditionalDelete: // it has the claim, or needs none (transfer.run)
		done, err = c.reseal()
	default:
		err = x.claimed(func(*state.Claim) (err error) {
			done, err = c.reseal()
			return err
		}, x.key)
	}
	if err != nil {
		return err
	}
	x.showEncryption()
	for _, e := range append(from.version, done.version...) {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
	if x.facts.Kind == policy.Directory {
		x.ctx.Response.Header.Set("x-amz-expiration", "NotImplemented")
	}
	out := struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		Xmlns        string   `xml:"xmlns,attr"`
		LastModified string
		ETag         string
		s3.ChecksumElements
	}{Xmlns: s3.Namespace, LastModified: s3.FormatTime(done.modified), ETag: s3.ClientETag([]byte(done.etag))}
	parts := 1
	if c.layout != nil {
		parts = c.layout.Parts()
	}
	out.Set(c.sum, parts)
	return x.answerXML(&out)
}

// self reports whether the copy replaces its source: an earlier version that was named stays.
func (c *copying) self() bool { return c.from.x.sameName(&c.x.object) && c.from.x.version == "" }

// checkSelf refuses a copy of an object onto itself that changes nothing (row CP-10), one whose conditions on the
// destination, which is the source, fail, and any on a store that can't be told which version to replace.
func (c *copying) checkSelf() error {
	if !c.self() {
		return nil
	}
	x := c.x
	if refused := policy.DecideSelfCopy(&x.request, &x.facts, x.decision, c.from.encryption()); refused != nil {
		return refused
	}
	if x.headerValue("if-none-match") != "" {
		return s3.PreconditionFailed("If-None-Match")
	}
	if match := x.headerValue("if-match"); match != "" && !listsETag(match, c.from.etag) {
		return s3.PreconditionFailed("If-Match")
	}
	if !x.g.o.Abilities.ConditionalPut { // what was written meanwhile would be lost
		return policy.NotImplemented(policy.CopyObject)
	}
	return nil
}

// sameKey reports whether the copy is sealed under the KMS key of the source.
func (c *copying) sameKey() bool {
	e := c.x.decision.Encryption
	return c.from.encryption().SSE == e.SSE && c.envelope.KeyARN == c.x.keyOf(e)
}

// decideChecksum decides which checksum the copy has. A copy is one part: the CRCs of an upload's parts are combined into
// that of the object. The SHA of such checksums can't be; it stays as it is when the body isn't opened.
func (c *copying) decideChecksum(asked *s3.ChecksumKind) error {
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
	case asked != nil && (sum == nil || sum.Algorithm != asked.Algorithm || sum.Type != crypto.FullObject):
		c.compute = asked
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

// describe puts metadata and envelope onto the request that makes the copy.
func (c *copying) describe(r *store.Request, envelope []byte) error {
	c.x.setAttributes(r)
	if c.x.headerValue("x-amz-metadata-directive") == "REPLACE" {
		return c.x.setObjectHeaders(r, envelope)
	}
	return c.from.keepHeaders(r, envelope, c.x.setRedirect(r))
}

// rewrap wraps the data key for the copy's place and has the sealed bytes transferred.
func (c *copying) rewrap() (*transferred, error) {
	x := c.x
	use, err := x.sealingKey(x.decision.Encryption)
	if err != nil {
		return nil, fmt.Errorf("get a bucket key for %s: %w", x.bucket, err)
	}
	defer use.Release()
	envelope := newEnvelope(c.envelope.ObjectID, x.decision.Encryption, use, c.envelope.KeyARN)
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
		from: c.from, to: x, header: r.Header, envelope: &envelope, key: c.secrets.DataKey, trailer: c.trailer, tags: x.copiedTags(),
	}
	t.held = t.inPlace()
	if v := x.headerValue("if-match"); v != "" {
		t.match = s3.StoreCondition(v)
	}
	t.noneMatch = x.headerValue("if-none-match")
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
	p := &put{x: x, body: body, known: known, copied: true}
	if p.algorithm = crypto.CRC64NVME; known != nil {
		p.algorithm = known.Algorithm
	} else if c.compute != nil {
		p.algorithm = c.compute.Algorithm
	}
	var tagged store.Request
	tags := x.copiedTags()
	if err := tags.send(&tagged, c.from); err != nil {
		return nil, err
	}
	ours := c.self() && x.headerValue("if-match") == ""
	p.inParts = x.g.readsHoldWrites() && x.g.o.Abilities.ConditionalComplete && c.from.x.sameName(&x.object)
	a, err := p.send(func(r *store.Request, envelope []byte) error {
		if ours {
			r.Set("If-Match", c.from.etag)
		} else {
			x.setWriteConditions(r)
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
		return nil, x.writeFault(f)
	}
	c.sum = p.checksum
	return &transferred{etag: string(a.Get("Etag")), modified: x.storeTime(a), version: x.versionOf(a)}, nil
}
