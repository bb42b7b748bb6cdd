package gateway

import (
	"encoding/xml"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// maxCompleteDocument bounds the body of CompleteMultipartUpload: 10,000 parts with SHA-256 are 1.9 MB.
const maxCompleteDocument = 4 << 20

// completeMultipartUpload carries out CompleteMultipartUpload, under the key's claim.
//
//	list ─▶ matched with the part records ─▶ checksums combined ─▶ trailer ─▶ the store's last part
//	    ─▶ the store's Complete If-Match ─▶ HEAD: is it our object? ─▶ 200
//
// Until the store's Complete nothing is visible and nothing is lost; after it the object is complete and depends on no
// record. The store's answer to Complete isn't trusted: some stores answer 200 for an upload that was aborted, and the
// answer may be lost. Only an object that carries the upload's object id is a success (L3).
//
// The store's Complete carries the client's condition, otherwise one that only what was seen under the claim meets: if
// two are sent for one upload, even after the first one's claim was lost, the second one's condition fails. An upload
// of one part that the store doesn't have is put instead: a store that has forgotten the upload may create it again,
// without its metadata, for a late part (versitygw), and the object's end alone would then be a complete upload.
//
// Requests to the store, for N parts: the record, the claim, ⌈N/1000⌉ listings of part records, HEAD, the stash if
// there is one, the last part, Complete, HEAD, the record and its name; behind the answer the part records are listed
// once more and deleted, a thousand a request.
func completeMultipartUpload(x *exchange) error {
	parts, list, err := x.readPartList()
	if err != nil {
		return err
	}
	if _, err := x.findUpload(false); err != nil {
		return err
	}
	return x.claimed(func(*state.Claim) error { return x.complete(parts, list) }, x.Key)
}

// complete is completeMultipartUpload under the claim.
func (x *exchange) complete(parts []objects.NamedPart, list []byte) error {
	u, err := x.findUpload(true)
	if err != nil {
		return err
	}
	c := x.newCompletion(u, list)
	switch u.State {
	case state.UploadCompleted: // a repeated Complete gets the same answer while the object is unchanged
		if err := c.Repeated(x.context); err != nil {
			return err
		}
		if err := x.decideUpload(u); err != nil {
			return err
		}
		return x.answerComplete(c)
	case state.UploadAborted:
		return objects.NoSuchUpload(u.ID)
	}
	if err := x.decideUpload(u); err != nil {
		return err
	}
	c.Size, c.ChecksumType = x.grant.Value("x-amz-mp-object-size"), x.grant.Value("x-amz-checksum-type")
	c.Announced = x.grant.Value(u.Kind().Header)
	if err := c.Run(x.context, parts, x.grant.MayRead); err != nil {
		return err
	}
	return x.answerComplete(c)
}

// newCompletion is the completion of an upload as the request describes it.
func (x *exchange) newCompletion(u *objects.Upload, list []byte) *objects.Completion {
	return &objects.Completion{Object: &x.Object, Upload: u, List: list, Conditions: x.writeConditions()}
}

func (x *exchange) answerComplete(c *objects.Completion) error {
	for _, e := range c.Version {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
	x.showEncryption()
	out := struct {
		XMLName               xml.Name `xml:"CompleteMultipartUploadResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Location, Bucket, Key string
		ETag                  string
		s3.ChecksumElements
	}{Xmlns: s3.Namespace, Location: x.objectURL(), Bucket: x.Bucket, Key: x.Key, ETag: s3.ClientETag([]byte(c.ETag))}
	if c.Checksum != "" {
		*out.Of(c.Upload.Kind().Algorithm) = c.Checksum
		out.ChecksumType = s3.ChecksumType(c.Upload.Type)
	}
	if x.Facts.Kind == policy.Directory {
		x.ctx.Response.Header.Set("x-amz-expiration", "NotImplemented")
	}
	return x.answerXML(&out)
}
