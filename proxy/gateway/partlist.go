package gateway

import (
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// partList is the document of CompleteMultipartUpload, deletionList that of DeleteObjects.
var (
	partList = s3.Grammar{
		Root:  "CompleteMultipartUpload",
		Paths: append([]string{"Part/PartNumber", "Part/ETag"}, s3.ChecksumPaths("Part/")...),
	}

	deletionList = s3.Grammar{Root: "Delete", Paths: []string{
		"Quiet", "Object/Key", "Object/VersionId", "Object/ETag", "Object/LastModifiedTime", "Object/Size",
	}}
)

// readPartList reads the request's body as a stream, and the hash that identifies a repeated request.
func (x *exchange) readPartList() (parts []objects.NamedPart, hash []byte, err error) {
	body, err := x.newDocument(maxCompleteDocument)
	if err != nil {
		return nil, nil, err
	}
	// x-amz-checksum-* headers of this operation are about the object, not about this document.
	body.check.want, body.check.announced = nil, false
	body.Start()
	d := xmldoc.NewDecoder(body)
	malformed := func(err error) error {
		var e *s3.Error
		if errors.As(err, &e) {
			return err
		}
		return s3.MalformedXML(err)
	}
	root := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, malformed(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !root {
			if start.Name.Local != "CompleteMultipartUpload" {
				return nil, nil, s3.MalformedXML(fmt.Errorf("the document is a %s", start.Name.Local))
			}
			root = true
			continue
		}
		if err := partList.Refuse(start.Name.Local); err != nil {
			return nil, nil, err
		}
		if len(parts) == crypto.MaxParts {
			return nil, nil, s3.MalformedXML(errors.New("more than 10,000 parts"))
		}
		var p struct {
			PartNumber *int
			ETag       *string
			s3.ChecksumValues
			Strangers []s3.Stranger `xml:",any"`
		}
		if err := d.DecodeElement(&p, &start); err != nil {
			return nil, nil, malformed(err)
		}
		if err := partList.RefuseStrangers(p.Strangers, "Part"); err != nil {
			return nil, nil, err
		}
		if p.PartNumber == nil || p.ETag == nil {
			return nil, nil, s3.MalformedXML(errors.New("a part without its number or its ETag"))
		}
		named := objects.NamedPart{Number: *p.PartNumber, ETag: s3.Unquote(*p.ETag)}
		for i := range s3.ChecksumKinds {
			if sum := *p.Of(s3.ChecksumKinds[i].Algorithm); sum != "" {
				named.Checksum, named.Kind = sum, &s3.ChecksumKinds[i]
			}
		}
		parts = append(parts, named)
	}
	if _, err := body.Finish(); err != nil {
		return nil, nil, err
	}
	if !root {
		return nil, nil, s3.MalformedXML(errors.New("the document is empty"))
	}
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s\n", p.Number, p.ETag)
	}
	return parts, h.Sum(nil), x.checkOrder(parts)
}

// checkOrder checks what the list alone shows: section 6.6.
func (x *exchange) checkOrder(parts []objects.NamedPart) error {
	id, _ := x.grant.Query.Get("uploadId")
	if len(parts) == 0 {
		return s3.Refuse("InvalidRequest", "You must specify at least one part")
	}
	consecutive := x.Facts.Kind == policy.Directory
	for i, p := range parts {
		switch {
		case p.Number < 1 || p.Number > crypto.MaxParts:
			return s3.InvalidArgument("partNumber", strconv.Itoa(p.Number),
				"Part number must be an integer between 1 and 10000, inclusive")
		case i > 0 && p.Number <= parts[i-1].Number:
			return s3.InvalidPartOrder("UploadId", id)
		case consecutive && p.Number != i+1:
			return s3.Refuse("InvalidPartOrder", "Invalid Part Order", "UploadId", id)
		}
	}
	return nil
}
