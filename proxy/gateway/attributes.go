package gateway

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"

	"sealfront/crypto"
)

// checksumElements are a checksum in an XML answer.
type checksumElements struct {
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

// set shows c, nil for none; parts is what a composite one is made of.
func (e *checksumElements) set(c *crypto.Checksum, parts int) {
	if c == nil {
		return
	}
	value := checksumText(c)
	if c.Type == crypto.Composite {
		value += "-" + strconv.Itoa(parts)
	}
	switch c.Algorithm {
	case crypto.CRC32:
		e.ChecksumCRC32 = value
	case crypto.CRC32C:
		e.ChecksumCRC32C = value
	case crypto.CRC64NVME:
		e.ChecksumCRC64NVME = value
	case crypto.SHA1:
		e.ChecksumSHA1 = value
	case crypto.SHA256:
		e.ChecksumSHA256 = value
	}
	e.ChecksumType = checksumType(c.Type)
}

type attributesPart struct {
	PartNumber int
	Size       int64
	checksumElements
}

type attributesParts struct {
	PartsCount           int
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	Part                 []attributesPart
}

// getObjectAttributes carries out GetObjectAttributes: section 4.7 of the behaviour reference. One request to the store;
// checksum and parts of an object whose envelope doesn't hold them another one, for its trailer. KMS is asked for those
// two attributes only.
func getObjectAttributes(x *exchange) error {
	return again(func() error { return attributesOnce(x) })
}

func attributesOnce(x *exchange) error {
	keepRequestHeaders(&x.ctx.Response, x.requestID) // an earlier attempt may have set others
	a, s, err := x.lookAt(unconditional)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := x.decideRead(s); err != nil {
		return err
	}
	length, err := x.plainLength(s)
	if err != nil {
		return err
	}
	var asked []string
	for name := range strings.SplitSeq(x.headerValue("x-amz-object-attributes"), ",") {
		asked = append(asked, strings.TrimSpace(name))
	}
	wants := func(name string) bool { return slices.Contains(asked, name) }
	out := struct {
		XMLName      xml.Name          `xml:"GetObjectAttributesResponse"`
		Xmlns        string            `xml:"xmlns,attr"`
		ETag         string            `xml:",omitempty"`
		Checksum     *checksumElements `xml:",omitempty"`
		ObjectParts  *attributesParts  `xml:",omitempty"`
		StorageClass string            `xml:",omitempty"`
		ObjectSize   *int64            `xml:",omitempty"`
	}{Xmlns: s3Namespace}
	if wants("ETag") {
		out.ETag = unquote(clientETag(a.Get("Etag")))
	}
	if wants("StorageClass") {
		out.StorageClass = x.shownClass(text(a.Get("x-amz-storage-class")))
	}
	if wants("ObjectSize") {
		out.ObjectSize = &length
	}
	if wants("Checksum") || wants("ObjectParts") {
		o, err := x.open(s)
		if err != nil {
			return err
		}
		defer o.secrets.Wipe()
		if wants("Checksum") {
			c, parts, err := x.checksumOf(o)
			if err != nil {
				return err
			}
			if c != nil {
				out.Checksum = &checksumElements{}
				out.Checksum.set(c, parts)
			}
		}
		if wants("ObjectParts") && o.envelope.Multipart && !o.envelope.Copied && o.layout != nil {
			if out.ObjectParts, err = x.attributesParts(o); err != nil {
				return err
			}
		}
	}
	x.ctx.Response.Header.SetBytesV("Last-Modified", a.Get("Last-Modified"))
	x.showVersion(a)
	return x.answerXML(&out)
}

// checksumOf returns an object's checksum, nil if it has none, and the number of parts that a composite one is made of.
func (x *object) checksumOf(o *opened) (c *crypto.Checksum, parts int, err error) {
	c, parts = o.secrets.Checksum, 1
	if o.layout != nil {
		parts = o.layout.Parts()
	}
	switch {
	case c != nil || o.length == 0:
		return c, parts, nil
	case o.known != nil:
		return o.known.checksum, parts, nil
	}
	if o.trailer == nil {
		if err := x.loadTrailer(o); err != nil {
			return nil, 0, err
		}
	}
	return o.trailer.Checksum, parts, nil
}

// attributesParts lists a page of the object's parts, numbered from 1 without gaps.
func (x *exchange) attributesParts(o *opened) (*attributesParts, error) {
	most, marker := 1000, 0
	if v, err := strconv.Atoi(x.headerValue("x-amz-max-parts")); err == nil && v >= 0 {
		most = min(v, most)
	}
	if v, err := strconv.Atoi(x.headerValue("x-amz-part-number-marker")); err == nil && v >= 0 {
		marker = v
	}
	if o.trailer == nil {
		if err := x.loadTrailer(o); err != nil {
			return nil, err
		}
	}
	parts := o.trailer.Parts
	page := &attributesParts{PartsCount: len(parts), PartNumberMarker: marker, MaxParts: most}
	for i := marker; i < len(parts) && len(page.Part) < most; i++ {
		p := attributesPart{PartNumber: i + 1, Size: parts[i].Length}
		p.set(parts[i].Checksum(), 1)
		p.ChecksumType = "" // a part has none
		page.Part = append(page.Part, p)
		page.NextPartNumberMarker = i + 1
	}
	page.IsTruncated = marker+len(page.Part) < len(parts)
	return page, nil
}
