package gateway

import (
	"encoding/xml"
	"errors"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// uploadPartCopy carries out UploadPartCopy: rows UC-1 to UC-4. The source's range is opened and sealed as a part of
// the upload, streamed; a store could not copy it, since the upload has a data key of its own. With a directory bucket
// on either side KMS is asked for the source's data key and for the upload's, past the cache.
//
// Requests to the store: a look at the source, its range, the part and its record.
func uploadPartCopy(x *exchange) error {
	number, err := x.partNumber()
	if err != nil {
		return err
	}
	u, err := x.openUploadForCopy()
	if err != nil {
		return err
	}
	source, err := x.copySource()
	if err != nil {
		return err
	}
	return objects.Retry(func() error { return x.copyPart(u, number, source) })
}

// openUploadForCopy is openUpload. That an upload's settings differ from the bucket's default (UC-2) may rest on a
// cached record of the bucket: it is read anew before the copy is refused for it.
func (x *exchange) openUploadForCopy() (*objects.Upload, error) {
	u, err := x.openUpload(false)
	var refused *policy.Refusal
	if u == nil || !errors.As(err, &refused) || refused.Row != "UC-2" {
		return u, err
	}
	record, err := x.grant.FreshRecord(x.context)
	switch {
	case err != nil:
		return nil, err
	case record == nil || record.Incarnation != x.Record.Incarnation:
		return nil, s3.NoSuchBucket(x.Bucket)
	}
	x.setRecord(record)
	return u, x.decideUpload(u)
}

func (x *exchange) copyPart(u *objects.Upload, number int, source *objects.Object) error {
	from, err := source.HeadWithTail(x.context)
	if err != nil {
		return err
	}
	if err := x.decideSource(from); err != nil {
		return err
	}
	first, last, whole, refused := x.grant.Rules.CopyRange()
	switch {
	case refused != nil:
		return refused
	case whole:
		first, last = 0, from.Length-1
	case last >= from.Length:
		return x.grant.Rules.RangeBeyondSource(from.Length)
	}
	limit := int64(crypto.MaxPart)
	if number == objects.LastPart {
		limit = crypto.MaxPart10000
	}
	if last-first+1 > limit {
		return s3.Refuse("InvalidRequest",
			"The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	opened, err := from.Open(x.context, x.asksKMS(from), x.maySource(source))
	if err != nil {
		return err
	}
	defer opened.Secrets.Wipe()
	directory := x.Facts.Kind == policy.Directory || source.Facts.Kind == policy.Directory
	secrets, err := x.Unwrap(x.context, u.Envelope, directory, x.grant.MayRead)
	if err != nil {
		return err
	}
	defer secrets.Wipe()

	kind := u.Kind()
	known, _, err := source.ChecksumOf(x.context, opened)
	if err != nil {
		return err
	}
	if known != nil &&
		(last-first+1 != from.Length || known.Algorithm != kind.Algorithm || known.Type != crypto.FullObject) {
		known = nil
	}
	body, err := source.Read(x.context, opened, first, last, known, kind)
	if err != nil {
		return err
	}
	defer body.Close()
	record, err := x.StorePart(x.context, u, number, body, &secrets.DataKey)
	if err != nil {
		return err
	}
	x.showEncryption()
	for _, e := range from.Version {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
	out := struct {
		XMLName      xml.Name `xml:"CopyPartResult"`
		Xmlns        string   `xml:"xmlns,attr"`
		LastModified string
		ETag         string
		s3.ChecksumValues
	}{Xmlns: s3.Namespace, LastModified: s3.FormatTime(x.grant.Start), ETag: s3.ClientETag([]byte(record.StoreETag))}
	if u.Algorithm != 0 {
		out.Show(record.Checksum())
	}
	return x.answerXML(&out)
}
