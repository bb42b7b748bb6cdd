package gateway

import (
	"encoding/xml"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// copyObject carries out CopyObject.
//
//	source ─▶ metadata and end ─▶ may it be read? ─▶ objects.Copy ─▶ answer
//
// With a directory bucket on either side KMS is called each time, for the source and for the destination, and no bucket
// key is used (R17); SSE-S3 to SSE-S3 needs no call. A body that the store copies isn't opened, so damage in it is
// found only when the copy is read.
//
// Requests to the store: GET of the source's metadata and end, the destination's claim, and the copy. Where the bytes
// pass through (transfer.go says when) GET and PUT instead of the two. A copy of an object onto itself has its key's
// claim from the beginning.
func copyObject(x *exchange) error {
	kind, err := x.copyAlgorithm()
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
	once := func() error { return objects.Retry(func() error { return copyOnce(x, source, kind) }) }
	if !source.SameName(&x.Object) {
		return once()
	}
	return x.claimed(func(*state.Claim) error {
		return once()
	}, x.Key)
}

// copyAlgorithm reads the kind of checksum that the copy gets; nil: that of the source.
func (x *exchange) copyAlgorithm() (*s3.ChecksumKind, error) {
	name := x.grant.Value("x-amz-checksum-algorithm")
	if name == "" {
		return nil, nil
	}
	kind := s3.ChecksumByName(strings.ToUpper(name))
	if kind == nil {
		return nil, s3.UnsupportedAlgorithm()
	}
	return kind, nil
}

func copyOnce(x *exchange, source *objects.Object, kind *s3.ChecksumKind) error {
	from, err := source.HeadWithTail(x.context)
	if err != nil {
		return err
	}
	if err := x.decideSource(from); err != nil {
		return err
	}
	if from.Length > crypto.MaxObjectPut {
		return s3.Refuse("InvalidRequest",
			"The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	if err := x.permitTags(from); err != nil {
		return err
	}
	c := &objects.Copy{
		Object: &x.Object, Source: from, Encryption: x.grant.Decision.Encryption, Fresh: x.callsKMS(from),
		May: x.maySource(source), Conditions: x.writeConditions(), Tags: x.copiedTags(),
		Began: x.grant.Start, Scratch: &x.scratch.object, Describe: x.describeCopy(from),
	}
	if err := x.checkSelfCopy(c); err != nil {
		return err
	}
	done, err := c.Run(x.context, kind)
	if err != nil {
		return err
	}
	x.showEncryption()
	for _, e := range append(from.Version, done.Version...) {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
	if x.Facts.Kind == policy.Directory {
		x.ctx.Response.Header.Set("x-amz-expiration", "NotImplemented")
	}
	out := struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		Xmlns        string   `xml:"xmlns,attr"`
		LastModified string
		ETag         string
		s3.ChecksumElements
	}{Xmlns: s3.Namespace, LastModified: s3.FormatTime(done.Modified), ETag: s3.ClientETag([]byte(done.ETag))}
	out.Set(c.Checksum, c.Parts)
	return x.answerXML(&out)
}

// checkSelfCopy refuses a copy of an object onto itself that changes nothing (row CP-10), one whose conditions on the
// destination, which is the source, fail, and any on a store without conditional PUT, which can't be limited to
// replacing one version.
func (x *exchange) checkSelfCopy(c *objects.Copy) error {
	if !c.Self() {
		return nil
	}
	if refused := policy.DecideSelfCopy(&x.grant.Rules, &x.Facts, x.grant.Decision,
		c.Source.Encryption()); refused != nil {
		return refused
	}
	if x.grant.Value("if-none-match") != "" {
		return s3.PreconditionFailed("If-None-Match")
	}
	if match := x.grant.Value("if-match"); match != "" && !s3.ListsETag(match, c.Source.ETag) {
		return s3.PreconditionFailed("If-Match")
	}
	if !x.g.o.Abilities.ConditionalPut { // a concurrent write would be lost
		return policy.NotImplemented(policy.CopyObject)
	}
	return nil
}

// describeCopy puts metadata and envelope onto the request that makes the copy.
func (x *exchange) describeCopy(from *objects.Source) func(r *store.Request, envelope []byte) error {
	return func(r *store.Request, envelope []byte) error {
		x.setAttributes(r)
		if x.grant.Value("x-amz-metadata-directive") == "REPLACE" {
			return x.setObjectHeaders(r, envelope)
		}
		return from.CopyMetadata(r, envelope, x.setRedirect(r))
	}
}
