package gateway

import (
	"encoding/xml"
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

func copyOnce(x *exchange, source *object, wanted *s3.ChecksumKind) error {
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
	c := &copying{
		x: &x.object, from: from, encryption: x.decision.Encryption, fresh: x.asksKMS(from), may: x.maySource(source), asked: x.asked(), tags: x.copiedTags(),
		start: x.start, scratch: &x.scratch.object, describe: x.describeCopy(from),
	}
	if err := x.checkSelfCopy(c); err != nil {
		return err
	}
	done, err := c.run(wanted)
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
	out.Set(c.sum, c.parts)
	return x.answerXML(&out)
}

// checkSelfCopy refuses a copy of an object onto itself that changes nothing (row CP-10), one whose conditions on the
// destination, which is the source, fail, and any on a store that can't be told which version to replace.
func (x *exchange) checkSelfCopy(c *copying) error {
	if !c.self() {
		return nil
	}
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

// describeCopy puts metadata and envelope onto the request that makes the copy.
func (x *exchange) describeCopy(from *origin) func(r *store.Request, envelope []byte) error {
	return func(r *store.Request, envelope []byte) error {
		x.setAttributes(r)
		if x.headerValue("x-amz-metadata-directive") == "REPLACE" {
			return x.setObjectHeaders(r, envelope)
		}
		return from.keepHeaders(r, envelope, x.setRedirect(r))
	}
}
