package gateway

import (
	"encoding/xml"
	"maps"
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

// listParts carries out ListParts from the records: a listing for a thousand attempts behind the marker.
func listParts(x *exchange) error {
	u, err := x.findUpload(true)
	if err != nil {
		return err
	}
	if u.State != state.UploadOpen {
		return objects.NoSuchUpload(u.ID)
	}
	marker := x.count("part-number-marker", crypto.MaxParts)
	if _, ok := x.grant.Query.Get("part-number-marker"); !ok {
		marker = 0
	}
	limit := x.count("max-parts", 1000)
	attempts, more, err := x.g.o.Uploads.Parts(x.context, u.Upload, marker, limit)
	if err != nil {
		return objects.RecordError(err)
	}
	parts, err := x.Attempts(x.context, u, attempts)
	if err != nil {
		return err
	}
	numbers := slices.Sorted(maps.Keys(parts))
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
		PartNumberMarker: marker, MaxParts: limit, IsTruncated: more,
	}
	if u.Algorithm != 0 {
		out.ChecksumAlgorithm, out.ChecksumType = u.Kind().Name, s3.ChecksumType(u.Type)
	}
	for _, n := range numbers {
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
