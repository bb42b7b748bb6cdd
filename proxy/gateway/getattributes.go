package gateway

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

type attributesPart struct {
	PartNumber int
	Size       int64
	s3.ChecksumValues
}

// attributesParts are an object's parts; without a page there is only their number.
type attributesParts struct {
	PartsCount int
	*attributesPage
}

type attributesPage struct {
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	Part                 []attributesPart
}

// getObjectAttributes carries out GetObjectAttributes: section 4.7 of the behaviour reference. It sends one request to
// the store, and a second one, for the trailer, where checksum or parts aren't in the envelope. It calls KMS for those
// two attributes only.
func getObjectAttributes(x *exchange) error {
	return objects.Retry(func() error { return attributesOnce(x) })
}

func attributesOnce(x *exchange) error {
	resetHeaders(&x.ctx.Response, x.requestID) // an earlier attempt may have set others
	a, s, err := x.HeadIf(x.context, objects.Unconditional)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := x.decideRead(s); err != nil {
		return err
	}
	length, err := x.PlainLength(s)
	if err != nil {
		return err
	}
	var requested []string
	for name := range strings.SplitSeq(x.grant.Value("x-amz-object-attributes"), ",") {
		requested = append(requested, strings.TrimSpace(name))
	}
	wants := func(name string) bool { return slices.Contains(requested, name) }
	out := struct {
		XMLName      xml.Name             `xml:"GetObjectAttributesResponse"`
		Xmlns        string               `xml:"xmlns,attr"`
		ETag         string               `xml:",omitempty"`
		Checksum     *s3.ChecksumElements `xml:",omitempty"`
		ObjectParts  *attributesParts     `xml:",omitempty"`
		StorageClass string               `xml:",omitempty"`
		ObjectSize   *int64               `xml:",omitempty"`
	}{Xmlns: s3.Namespace}
	if wants("ETag") {
		out.ETag = s3.Unquote(s3.ClientETag(a.Get("Etag")))
	}
	if wants("StorageClass") {
		out.StorageClass = x.clientStorageClass(s3.View(a.Get("x-amz-storage-class")))
	}
	if wants("ObjectSize") {
		out.ObjectSize = &length
	}
	if wants("Checksum") || wants("ObjectParts") {
		o, err := x.Open(x.context, s, x.grant.MayRead)
		if err != nil {
			return err
		}
		defer o.Secrets.Wipe()
		if wants("Checksum") {
			c, parts, err := x.ChecksumOf(x.context, o)
			if err != nil {
				return err
			}
			if c != nil {
				out.Checksum = &s3.ChecksumElements{}
				out.Checksum.Set(c, parts)
				if x.Facts.Kind == policy.General {
					out.Checksum.DropCount(c)
				}
			}
		}
		if wants("ObjectParts") && o.ShowsParts() {
			if out.ObjectParts, err = x.attributesParts(o); err != nil {
				return err
			}
		}
	}
	x.ctx.Response.Header.SetBytesV("Last-Modified", a.Get("Last-Modified"))
	x.showVersion(a)
	return x.answerXML(&out)
}

// attributesParts lists a page of the object's parts, numbered from 1 without gaps. General purpose buckets list only
// parts that have checksums, those of a composite one.
func (x *exchange) attributesParts(o *objects.Opened) (*attributesParts, error) {
	most, marker := 1000, 0
	if v, err := strconv.Atoi(x.grant.Value("x-amz-max-parts")); err == nil && v >= 0 {
		most = min(v, most)
	}
	if v, err := strconv.Atoi(x.grant.Value("x-amz-part-number-marker")); err == nil && v >= 0 {
		marker = v
	}
	t, err := x.TrailerOf(x.context, o)
	if err != nil {
		return nil, err
	}
	parts := t.Parts
	result := &attributesParts{PartsCount: len(parts)}
	if c := t.Checksum; x.Facts.Kind == policy.General && (c == nil || c.Type != crypto.Composite) {
		return result, nil // their checksums were added by the proxy, to be combined; the client gave none
	}
	page := &attributesPage{PartNumberMarker: marker, MaxParts: most}
	result.attributesPage = page
	for i := marker; i < len(parts) && len(page.Part) < most; i++ {
		p := attributesPart{PartNumber: i + 1, Size: parts[i].Length}
		p.Show(parts[i].Checksum())
		page.Part = append(page.Part, p)
		page.NextPartNumberMarker = i + 1
	}
	page.IsTruncated = marker+len(page.Part) < len(parts)
	return result, nil
}
