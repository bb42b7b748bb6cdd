package gateway

import (
	"encoding/xml"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
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

// uploadsDocument is the answer to ListMultipartUploads.
type uploadsDocument struct {
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
}

// uploadsPage is a page of ListMultipartUploads in the making.
type uploadsPage struct {
	x                   *exchange
	prefix, delimiter   string
	keyMarker, idMarker string // where the page before ended; an id only where that was an upload
	limit, count        int

	// The uploads of the marker's key, collected until it is known where among them the page before ended.
	markers []*state.OpenUpload

	last   string // key or common prefix of the last entry
	lastID string // "" of a common prefix
	out    uploadsDocument
}

// listMultipartUploads carries out ListMultipartUploads: a listing for a thousand uploads, or one for each common
// prefix. Markers are keys and ids; in directory buckets one marker that is opaque to clients has both.
func listMultipartUploads(x *exchange) error {
	text := func(name string) string {
		v, _ := x.grant.Query.Get(name)
		return v
	}
	p := &uploadsPage{
		x: x, prefix: text("prefix"), delimiter: text("delimiter"), keyMarker: text("key-marker"),
		idMarker: text("upload-id-marker"), limit: x.count("max-uploads", 1000),
	}
	encoding := text("encoding-type")
	p.out = uploadsDocument{
		Xmlns: s3.Namespace, Bucket: x.Bucket, KeyMarker: s3.ShownName(p.keyMarker, encoding), UploadIdMarker: p.idMarker,
		Prefix:    s3.ShownName(p.prefix, encoding),
		Delimiter: s3.ShownName(p.delimiter, encoding), EncodingType: encoding, MaxUploads: p.limit,
	}
	directory := x.Facts.Kind == policy.Directory
	if directory {
		p.idMarker = ""
		if at := strings.LastIndexByte(p.keyMarker, '\n'); at >= 0 {
			p.keyMarker, p.idMarker = p.keyMarker[:at], p.keyMarker[at+1:]
		}
	}
	err := x.g.o.Uploads.OpenUploads(x.context, x.Record, p.prefix, p.keyMarker, p.visit)
	if err != nil {
		return objects.RecordError(err)
	}
	p.behindMarker()
	if p.out.IsTruncated {
		next := p.last
		switch {
		case !directory:
			p.out.NextUploadIdMarker = p.lastID
		case p.lastID != "":
			next += "\n" + p.lastID
		}
		p.out.NextKeyMarker = s3.ShownName(next, encoding)
	}
	return x.answerXML(&p.out)
}

// visit takes the next upload, in the order of keys and dates. It returns what is to be passed over, and whether to go
// on.
func (p *uploadsPage) visit(u *state.OpenUpload) (past string, more bool) {
	common := store.CommonPrefix(u.Key, p.prefix, p.delimiter)
	switch {
	case common != "" && common == p.keyMarker: // answered on an earlier page
		return common, true
	case p.keyMarker != "" && u.Key == p.keyMarker:
		if p.idMarker != "" {
			kept := *u
			p.markers = append(p.markers, &kept)
		}
		return "", true
	}
	return common, p.behindMarker() && p.add(u, common)
}

// behindMarker adds the uploads of the marker's key that follow the marker; of a marker that has ended since, only its
// id is known.
func (p *uploadsPage) behindMarker() bool {
	markers := p.markers
	p.markers = nil
	at := -1
	for i, u := range markers {
		if u.ID == p.idMarker {
			at = i
		}
	}
	for i, u := range markers {
		if at >= 0 && i > at || at < 0 && u.ID > p.idMarker {
			if !p.add(u, store.CommonPrefix(u.Key, p.prefix, p.delimiter)) {
				return false
			}
		}
	}
	return true
}

// add puts an upload onto the page, or the common prefix that it is rolled up into. It returns false once the page is
// full.
func (p *uploadsPage) add(u *state.OpenUpload, common string) bool {
	if common != "" && common == p.last && p.lastID == "" {
		return true
	}
	if p.count == p.limit {
		p.out.IsTruncated = true
		return false
	}
	p.count++
	if common != "" {
		p.last, p.lastID = common, ""
		p.out.CommonPrefixes = append(p.out.CommonPrefixes, listedPrefix{s3.ShownName(common, p.out.EncodingType)})
		return true
	}
	p.last, p.lastID = u.Key, u.ID
	owner := &listedOwner{ID: p.x.Facts.Account, DisplayName: p.x.Facts.Account}
	entry := listedUpload{
		Key: s3.ShownName(u.Key, p.out.EncodingType), UploadId: u.ID, Initiator: owner, Owner: owner,
		StorageClass: storageClass(&p.x.Facts),
		Initiated:    u.Initiated.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if u.Algorithm != 0 {
		entry.ChecksumAlgorithm, entry.ChecksumType = s3.ChecksumOf(u.Algorithm).Name, s3.ChecksumType(u.Type)
	}
	p.out.Upload = append(p.out.Upload, entry)
	return true
}
