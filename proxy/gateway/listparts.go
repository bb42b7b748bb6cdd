package gateway

import (
	"encoding/xml"
	"slices"

	"sealfront/crypto"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

type listedPart struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
	s3.ChecksumValues
}

// listParts carries out ListParts from the records.
func listParts(x *exchange) error {
	u, err := x.findUpload(true)
	if err != nil {
		return err
	}
	if u.State != state.UploadOpen {
		return objects.NoSuchUpload(u.ID)
	}
	all, err := x.g.o.Uploads.Parts(x.context, u.Upload)
	if err != nil {
		return objects.RecordError(err)
	}
	parts, err := x.Attempts(x.context, u, all)
	if err != nil {
		return err
	}
	numbers := make([]int, 0, len(parts))
	marker := x.count("part-number-marker", crypto.MaxParts)
	if _, ok := x.grant.Query.Get("part-number-marker"); !ok {
		marker = 0
	}
	for n := range parts {
		if n > marker {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	limit := x.count("max-parts", 1000)
	owner := &listedOwner{ID: x.Facts.Account, DisplayName: x.Facts.Account}
	out := struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		Xmlns                string   `xml:"xmlns,attr"`
		Bucket               string
		Key                  s3.Name
		UploadId             string
		Initiator, Owner     *listedOwner
		StorageClass         string
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		ChecksumAlgorithm    string `xml:",omitempty"`
		ChecksumType         string `xml:",omitempty"`
		Part                 []listedPart
	}{
		Xmlns: s3.Namespace, Bucket: x.Bucket, Key: s3.Name(x.Key), UploadId: u.ID, Initiator: owner, Owner: owner,
		StorageClass:     storageClass(&x.Facts),
		PartNumberMarker: marker, MaxParts: limit, IsTruncated: len(numbers) > limit,
	}
	if u.Algorithm != 0 {
		out.ChecksumAlgorithm, out.ChecksumType = u.Kind().Name, s3.ChecksumType(u.Type)
	}
	for _, n := range numbers[:min(len(numbers), limit)] {
		p := &parts[n].Current[0]
		entry := listedPart{
			PartNumber: n, LastModified: p.Accepted.UTC().Format("2006-01-02T15:04:05.000Z"),
			ETag: s3.ClientETag([]byte(p.StoreETag)), Size: p.Length,
		}
		if u.Algorithm != 0 {
			entry.Show(p.Checksum())
		}
		out.Part = append(out.Part, entry)
		out.NextPartNumberMarker = n
	}
	return x.answerXML(&out)
}
