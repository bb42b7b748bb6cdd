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
)

// partList is the document of CompleteMultipartUpload, deletionList that of DeleteObjects.
var (
	partList = grammar{root: "CompleteMultipartUpload", paths: append([]string{"Part/PartNumber", "Part/ETag"}, checksumPaths("Part/")...)}

	deletionList = grammar{root: "Delete", paths: []string{
		"Quiet", "Object/Key", "Object/VersionId", "Object/ETag", "Object/LastModifiedTime", "Object/Size",
	}}
)

// A namedPart is one entry of a client's list of parts.
type namedPart struct {
	number   int
	etag     string // unquoted, as the client has it
	checksum string // base64, of the algorithm below; "" when none was given
	kind     *checksumKind
}

// readPartList reads the request's body as a stream, and the hash by which a repeated request is recognised.
func (x *exchange) readPartList() (parts []namedPart, hash []byte, err error) {
	body, err := x.newDocument(maxCompleteDocument)
	if err != nil {
		return nil, nil, err
	}
	// x-amz-checksum-* headers of this operation are about the object, not about this document.
	body.check.want, body.check.told = nil, false
	body.start()
	d := xmldoc.NewDecoder(body)
	malformed := func(err error) error {
		var e *s3Error
		if errors.As(err, &e) {
			return err
		}
		return malformedXML(err)
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
				return nil, nil, malformedXML(fmt.Errorf("the document is a %s", start.Name.Local))
			}
			root = true
			continue
		}
		if err := partList.refuse(start.Name.Local); err != nil {
			return nil, nil, err
		}
		if len(parts) == crypto.MaxParts {
			return nil, nil, malformedXML(errors.New("more than 10,000 parts"))
		}
		var p struct {
			PartNumber *int
			ETag       *string
			checksumValues
			Strangers []stranger `xml:",any"`
		}
		if err := d.DecodeElement(&p, &start); err != nil {
			return nil, nil, malformed(err)
		}
		if err := partList.refuseStrangers(p.Strangers, "Part"); err != nil {
			return nil, nil, err
		}
		if p.PartNumber == nil || p.ETag == nil {
			return nil, nil, malformedXML(errors.New("a part without its number or its ETag"))
		}
		named := namedPart{number: *p.PartNumber, etag: unquote(*p.ETag)}
		for i := range checksumKinds {
			if sum := *p.of(checksumKinds[i].algorithm); sum != "" {
				named.checksum, named.kind = sum, &checksumKinds[i]
			}
		}
		parts = append(parts, named)
	}
	if _, err := body.finish(); err != nil {
		return nil, nil, err
	}
	if !root {
		return nil, nil, malformedXML(errors.New("the document is empty"))
	}
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s\n", p.number, p.etag)
	}
	return parts, h.Sum(nil), x.checkOrder(parts)
}

// checkOrder is what can be told from the list alone: section 6.6.
func (x *exchange) checkOrder(parts []namedPart) error {
	id, _ := x.query.Get("uploadId")
	if len(parts) == 0 {
		return refusal("InvalidRequest", "You must specify at least one part")
	}
	consecutive := x.facts.Kind == policy.Directory
	for i, p := range parts {
		switch {
		case p.number < 1 || p.number > crypto.MaxParts:
			return invalidArgument("partNumber", strconv.Itoa(p.number), "Part number must be an integer between 1 and 10000, inclusive")
		case i > 0 && p.number <= parts[i-1].number:
			return refusal("InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.", "UploadId", id)
		case consecutive && p.number != i+1:
			return refusal("InvalidPartOrder", "Invalid Part Order", "UploadId", id)
		}
	}
	return nil
}
