package gateway

import (
	"encoding/xml"
	"slices"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

type listedUpload struct {
	Key               s3.Name
	UploadId          string
	Initiator, Owner  *listedOwner
	StorageClass      string
	Initiated         string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

// listMultipartUploads carries out ListMultipartUploads from the records; it costs requests for each open upload of the
// bucket. Markers are keys, in order; in directory buckets key-marker is opaque to clients.
func listMultipartUploads(x *exchange) error {
	prefix, _ := x.grant.Query.Get("prefix")
	delimiter, _ := x.grant.Query.Get("delimiter")
	encoding, _ := x.grant.Query.Get("encoding-type")
	keyMarker, _ := x.grant.Query.Get("key-marker")
	idMarker, _ := x.grant.Query.Get("upload-id-marker")
	var uploads []*state.Upload
	err := x.g.o.Uploads.Uploads(x.context, x.Record, func(u *state.Upload) bool {
		if strings.HasPrefix(u.Key, prefix) {
			uploads = append(uploads, u)
		}
		return true
	})
	if err != nil {
		return objects.RecordError(err)
	}
	directory := x.Facts.Kind == policy.Directory
	slices.SortFunc(uploads, func(a, b *state.Upload) int {
		c := strings.Compare(a.Key, b.Key)
		if c == 0 && !directory {
			c = a.Initiated.Compare(b.Initiated)
		}
		if c == 0 {
			c = strings.Compare(a.ID, b.ID)
		}
		return c
	})
	// Where the page continues among the uploads of one key; an upload that has ended since left only its id.
	at := slices.IndexFunc(uploads, func(u *state.Upload) bool { return u.Key == keyMarker && u.ID == idMarker })
	limit := x.count("max-uploads", 1000)
	owner := &listedOwner{ID: x.Facts.Account, DisplayName: x.Facts.Account}
	out := struct {
		XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
		Xmlns              string   `xml:"xmlns,attr"`
		Bucket             string
		KeyMarker          s3.Name
		UploadIdMarker     string  `xml:",omitempty"`
		NextKeyMarker      s3.Name `xml:",omitempty"`
		NextUploadIdMarker string  `xml:",omitempty"`
		Prefix             s3.Name
		Delimiter          s3.Name `xml:",omitempty"`
		EncodingType       string  `xml:",omitempty"`
		MaxUploads         int
		IsTruncated        bool
		Upload             []listedUpload
		CommonPrefixes     []listedPrefix
	}{
		Xmlns: s3.Namespace, Bucket: x.Bucket, KeyMarker: s3.ShownName(keyMarker, encoding), UploadIdMarker: idMarker,
		Prefix:    s3.ShownName(prefix, encoding),
		Delimiter: s3.ShownName(delimiter, encoding), EncodingType: encoding, MaxUploads: limit,
	}
	marker := func(u *state.Upload) string {
		if directory { // one opaque marker: key and id
			return u.Key + "\n" + u.ID
		}
		return u.Key
	}
	next := ""
	folded := ""
	count := 0
	for i, u := range uploads {
		follows := idMarker != "" && (at >= 0 && i > at || at < 0 && u.ID > idMarker) // of the uploads of the marker's key
		switch {
		case directory && keyMarker != "" && marker(u) <= keyMarker,
			!directory && keyMarker != "" && (u.Key < keyMarker || u.Key == keyMarker && !follows):
			continue
		}
		common := ""
		if delimiter != "" {
			if i := strings.Index(u.Key[len(prefix):], delimiter); i >= 0 {
				common = u.Key[:len(prefix)+i+len(delimiter)]
			}
		}
		switch {
		case !directory && common != "" && (common == folded || common == keyMarker): // answered, here or on an earlier page
			continue
		case common != "" && common == folded:
			next, out.NextUploadIdMarker = marker(u), u.ID
			continue
		}
		if count == limit {
			out.IsTruncated = true
			break
		}
		count++
		folded = common
		next, out.NextUploadIdMarker = marker(u), u.ID
		if common != "" {
			if !directory {
				next, out.NextUploadIdMarker = common, ""
			}
			out.CommonPrefixes = append(out.CommonPrefixes, listedPrefix{s3.ShownName(common, encoding)})
			continue
		}
		entry := listedUpload{
			Key: s3.ShownName(u.Key, encoding), UploadId: u.ID, Initiator: owner, Owner: owner,
			StorageClass: storageClass(&x.Facts),
			Initiated:    u.Initiated.UTC().Format("2006-01-02T15:04:05.000Z"),
		}
		if u.Algorithm != 0 {
			entry.ChecksumAlgorithm, entry.ChecksumType = s3.ChecksumOf(u.Algorithm).Name, s3.ChecksumType(u.Type)
		}
		out.Upload = append(out.Upload, entry)
	}
	if !out.IsTruncated {
		next, out.NextUploadIdMarker = "", ""
	}
	if directory {
		out.NextUploadIdMarker = ""
	}
	out.NextKeyMarker = s3.ShownName(next, encoding)
	return x.answerXML(&out)
}
