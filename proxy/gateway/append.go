package gateway

import (
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// appendObject carries out PutObject with x-amz-write-offset-bytes: section 6.3 and rows AP-1 to AP-3.
//
//	object ─▶ its offset, conditions and key are checked ─▶ objects.AppendTo ─▶ answer
//
// Readers see the object before or after, and a writer in between makes the append fail: 409.
//
// Requests to the store: GET of the object's metadata and last 64 KiB; GET of its last part if that is below 5 MiB and
// not within them; HEAD under the claim, and PUT; or CreateMultipartUpload, a copy for each 5 GiB, UploadPart, HEAD
// under the claim, Complete, HEAD. However long the object has grown, there are no more, but for the copies; how many
// bytes they move is in package objects, AppendTo.
func appendObject(x *exchange, offset int64) error {
	body, err := x.newBody(crypto.MaxObjectPut)
	if err != nil {
		return err
	}
	if body.Size() == 0 {
		return s3.Refuse("InvalidRequest", "The body of an append can't be empty.")
	}
	o, err := x.at(x.Record, x.Key).HeadForAppend(x.context)
	if err != nil {
		if objects.Translate(err).Code == "NoSuchKey" {
			return x.appendToNothing(body, offset)
		}
		return err
	}
	if err := x.checkAppend(o, offset); err != nil {
		return err
	}
	done, err := o.AppendTo(x.context, &x.Object, objects.Append{
		Body: body, Kind: body.check.kind, Announced: body.check.announced, ReturnChecksum: body.check.returnChecksum,
		May:        x.mayAppend,
		Encryption: x.grant.Decision.Encryption, Began: x.grant.Start, Scratch: &x.scratch.object,
	})
	if err != nil {
		return err
	}
	return x.answerAppend(done)
}

// appendToNothing makes the object: offset 0 creates it where there is none.
func (x *exchange) appendToNothing(body *plainBody, offset int64) error {
	switch {
	case x.grant.Value("if-match") != "":
		return s3.NoSuchKey(x.Key)
	case offset != 0:
		return invalidOffset(0)
	}
	err := x.putBody(body, func(r *store.Request, envelope []byte) error {
		r.Set("If-None-Match", "*")
		return x.setObjectHeaders(r, envelope)
	})
	if err == nil {
		x.ctx.Response.Header.Set("x-amz-object-size", strconv.FormatInt(body.Size(), 10))
		return nil
	}
	if objects.Translate(err).Code == "PreconditionFailed" && x.grant.Value("if-none-match") == "" {
		return x.Object.Conflict(err) // the condition was ours
	}
	return err
}

func invalidOffset(size int64) error {
	return s3.Refuse("InvalidWriteOffset",
		"The write offset value that you specified does not match the current object size.", "CurrentObjectSize",
		strconv.FormatInt(size, 10))
}

// checkAppend decides what depends on the object's metadata.
func (x *exchange) checkAppend(o *objects.Source, offset int64) error {
	switch match := x.grant.Value("if-match"); {
	case x.grant.Value("if-none-match") != "":
		return s3.PreconditionFailed("If-None-Match")
	case match != "" && !s3.ListsETag(match, o.ETag):
		return s3.PreconditionFailed("If-Match")
	case offset != o.Length:
		return invalidOffset(o.Length)
	}
	for _, f := range x.grant.Header.Fields {
		if len(f.Name) > len(objects.UserMetadata) &&
			strings.EqualFold(s3.View(f.Name[:len(objects.UserMetadata)]), objects.UserMetadata) {
			return s3.Refuse("InvalidRequest", "Metadata can't be given when appending to an existing object.")
		}
	}
	existing := o.Encryption()
	if err := x.grant.Secure(existing.SSE); err != nil {
		return err
	}
	decision, refused := policy.DecideAppend(x.grant.Decision, existing)
	if refused != nil {
		return refused
	}
	x.grant.Decision = decision
	return nil
}

// answerAppend answers an append that was carried out.
func (x *exchange) answerAppend(a *objects.AppendResult) error {
	h := &x.ctx.Response.Header
	h.Set("ETag", s3.ClientETag([]byte(a.ETag)))
	h.Set("x-amz-object-size", strconv.FormatInt(a.Length, 10))
	if sum := a.Checksum; sum != nil {
		h.Set(s3.ChecksumOf(sum.Algorithm).Header, s3.ShownChecksum(sum, a.Parts))
		h.Set("x-amz-checksum-type", s3.ChecksumType(sum.Type))
	}
	x.showEncryption()
	h.Set("x-amz-expiration", "NotImplemented")
	return nil
}

// mayAppend reports whether the caller may open the object that it appends to. The decision about the append covered
// the KMS key that new bytes are sealed under.
func (x *exchange) mayAppend(keyARN string) error {
	if keyARN != x.grant.Decision.Encryption.KeyARN {
		return x.grant.MayRead(keyARN)
	}
	return nil
}
