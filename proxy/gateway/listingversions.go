package gateway

import (
	"encoding/xml"
	"strconv"

	"sealfront/proxy/store"
)

// storeVersions is the store's answer to ListObjectVersions. Versions and delete markers may be mixed; their order is the
// store's.
type storeVersions struct {
	IsTruncated         bool
	EncodingType        string
	NextKeyMarker       string
	NextVersionIdMarker string
	CommonPrefixes      []struct{ Prefix string }
	Entries             []storeVersion `xml:",any"`

	// What would else be taken for an entry.
	Name, Prefix, Delimiter, KeyMarker, VersionIdMarker, MaxKeys struct{}
}

type storeVersion struct {
	XMLName      xml.Name
	Key          string
	VersionId    string
	IsLatest     bool
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
}

type listedPrefix struct{ Prefix string }

type listedVersion struct {
	XMLName      xml.Name
	ETag         string `xml:",omitempty"`
	Size         *int64 `xml:",omitempty"`
	StorageClass string `xml:",omitempty"`
	Key          string
	VersionId    string
	IsLatest     bool
	LastModified string
	Owner        *listedOwner
}

// listObjectVersions carries out ListObjectVersions. The store lists; sizes are those of the plaintext, by arithmetic.
func listObjectVersions(x *exchange) error {
	value := func(name string) string { v, _ := x.query.Get(name); return v }
	encoding, maxKeys := value("encoding-type"), x.count("max-keys", 1000)
	query := "encoding-type=url"
	for _, name := range [...]string{"prefix", "delimiter", "key-marker", "version-id-marker"} {
		if v := value(name); v != "" {
			query = store.AppendQuery(query, name, v)
		}
	}
	if value("version-id-marker") != "" && value("key-marker") == "" {
		return invalidArgument("version-id-marker", value("version-id-marker"), "A version-id marker cannot be specified without a key marker.")
	}
	var page storeVersions
	if maxKeys > 0 {
		query = store.AppendQuery(store.AppendQuery(query, "max-keys", strconv.Itoa(maxKeys)), "versions", "")
		if err := x.listStore("ListObjectVersions", query, &page); err != nil {
			return err
		}
	}
	out := struct {
		XMLName             xml.Name `xml:"ListVersionsResult"`
		Xmlns               string   `xml:"xmlns,attr"`
		Name                string
		Prefix              string
		KeyMarker           string
		VersionIdMarker     string
		NextKeyMarker       string `xml:",omitempty"`
		NextVersionIdMarker string `xml:",omitempty"`
		Delimiter           string `xml:",omitempty"`
		EncodingType        string `xml:",omitempty"`
		MaxKeys             int
		IsTruncated         bool
		Entries             []listedVersion
		CommonPrefixes      []listedPrefix
	}{
		Xmlns: s3Namespace, Name: x.bucket, Prefix: encodeName(value("prefix"), encoding), Delimiter: encodeName(value("delimiter"), encoding),
		KeyMarker: encodeName(value("key-marker"), encoding), VersionIdMarker: value("version-id-marker"), EncodingType: encoding,
		MaxKeys: maxKeys, IsTruncated: page.IsTruncated,
	}
	name := func(stored string) (string, error) {
		plain, err := decodeName(stored, page.EncodingType)
		return encodeName(plain, encoding), err
	}
	owner := &listedOwner{ID: x.facts.Account, DisplayName: x.facts.Account}
	var err error
	for i := range page.Entries {
		e := &page.Entries[i]
		v := listedVersion{XMLName: xml.Name{Local: e.XMLName.Local}, VersionId: e.VersionId, IsLatest: e.IsLatest, LastModified: e.LastModified, Owner: owner}
		switch e.XMLName.Local {
		case "Version":
			size := listedSize(e.Size)
			v.Size, v.ETag, v.StorageClass = &size, clientETag([]byte(e.ETag)), x.shownClass(e.StorageClass)
		case "DeleteMarker":
		default:
			continue
		}
		if v.Key, err = name(e.Key); err != nil {
			return internal(err)
		}
		out.Entries = append(out.Entries, v)
	}
	for _, p := range page.CommonPrefixes {
		prefix, err := name(p.Prefix)
		if err != nil {
			return internal(err)
		}
		out.CommonPrefixes = append(out.CommonPrefixes, listedPrefix{prefix})
	}
	if page.IsTruncated {
		if page.NextKeyMarker == "" {
			return internal(errNoToken)
		}
		out.NextVersionIdMarker = page.NextVersionIdMarker
		if out.NextKeyMarker, err = name(page.NextKeyMarker); err != nil {
			return internal(err)
		}
	}
	return x.answerXML(&out)
}
