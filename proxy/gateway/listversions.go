package gateway

import (
	"encoding/xml"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

type listedPrefix struct{ Prefix s3.Name }

type listedVersion struct {
	XMLName      xml.Name
	ETag         string `xml:",omitempty"`
	Size         *int64 `xml:",omitempty"`
	StorageClass string `xml:",omitempty"`
	Key          s3.Name
	VersionId    string
	IsLatest     bool
	LastModified string
	Owner        *listedOwner
}

// listObjectVersions carries out ListObjectVersions. The store lists; sizes are those of the plaintext, by arithmetic.
// Markers are made of what a page ends with.
func listObjectVersions(x *exchange) error {
	value := func(name string) string { v, _ := x.grant.Query.Get(name); return v }
	encoding, maxKeys := value("encoding-type"), x.count("max-keys", 1000)
	if value("version-id-marker") != "" && value("key-marker") == "" {
		return s3.InvalidArgument("version-id-marker", value("version-id-marker"),
			"A version-id marker cannot be specified without a key marker.")
	}
	l := x.Lister()
	l.Ask = x.ListVersionsPage
	page, err := x.Page(x.context, l, &store.ListQuery{
		Prefix: value("prefix"), Delimiter: value("delimiter"), After: value("key-marker"),
		Version: value("version-id-marker"), Max: maxKeys,
	})
	if err != nil {
		return err
	}
	out := struct {
		XMLName             xml.Name `xml:"ListVersionsResult"`
		Xmlns               string   `xml:"xmlns,attr"`
		Name                string
		Prefix              s3.Name
		KeyMarker           s3.Name
		VersionIdMarker     string
		NextKeyMarker       s3.Name `xml:",omitempty"`
		NextVersionIdMarker string  `xml:",omitempty"`
		Delimiter           s3.Name `xml:",omitempty"`
		EncodingType        string  `xml:",omitempty"`
		MaxKeys             int
		IsTruncated         bool
		Entries             []listedVersion
		CommonPrefixes      []listedPrefix
	}{
		Xmlns: s3.Namespace, Name: x.Bucket, Prefix: s3.ShownName(value("prefix"), encoding),
		Delimiter: s3.ShownName(value("delimiter"), encoding),
		KeyMarker: s3.ShownName(value("key-marker"), encoding), VersionIdMarker: value("version-id-marker"),
		EncodingType: encoding,
		MaxKeys:      maxKeys, IsTruncated: page.More,
	}
	owner := &listedOwner{ID: x.Facts.Account, DisplayName: x.Facts.Account}
	for i := range page.Entries {
		e := &page.Entries[i]
		name := s3.ShownName(e.Name, encoding)
		if e.Common {
			out.CommonPrefixes = append(out.CommonPrefixes, listedPrefix{name})
			continue
		}
		v := listedVersion{
			XMLName: xml.Name{Local: "DeleteMarker"}, Key: name, VersionId: e.Version.VersionID, IsLatest: e.Version.IsLatest,
			LastModified: e.Version.LastModified, Owner: owner,
		}
		if !e.Version.Marker {
			v.XMLName.Local = "Version"
			size := objects.ListedSize(e.Version.Size)
			v.Size, v.ETag = &size, s3.ClientETag([]byte(e.Version.ETag))
			v.StorageClass = x.clientStorageClass(e.Version.StorageClass)
		}
		out.Entries = append(out.Entries, v)
	}
	if page.More {
		if page.Last == "" {
			return s3.Internal(objects.ErrNoToken)
		}
		out.NextKeyMarker, out.NextVersionIdMarker = s3.ShownName(page.Last, encoding), page.Version
	}
	return x.answerXML(&out)
}
