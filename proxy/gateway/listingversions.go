package gateway

import (
	"context"
	"encoding/xml"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// storeVersions is the store's answer to ListObjectVersions. Versions and delete markers may be mixed, or each for
// themselves.
type storeVersions struct {
	IsTruncated         bool
	EncodingType        string
	NextVersionIdMarker string
	CommonPrefixes      []struct{ Prefix string }
	Entries             []storeVersion `xml:",any"`

	// What would else be taken for an entry. The store's key marker isn't used: it may be made of a name that isn't
	// shown truly, or hold more than a name.
	Name, Prefix, Delimiter, KeyMarker, VersionIdMarker, MaxKeys, NextKeyMarker struct{}
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
	value := func(name string) string { v, _ := x.query.Get(name); return v }
	encoding, maxKeys := value("encoding-type"), x.count("max-keys", 1000)
	if value("version-id-marker") != "" && value("key-marker") == "" {
		return s3.InvalidArgument("version-id-marker", value("version-id-marker"), "A version-id marker cannot be specified without a key marker.")
	}
	l := x.lister()
	l.Ask = x.askVersions
	page, err := x.page(l, &store.ListQuery{
		Prefix: value("prefix"), Delimiter: value("delimiter"), After: value("key-marker"), Version: value("version-id-marker"), Max: maxKeys,
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
		Xmlns: s3.Namespace, Name: x.bucket, Prefix: s3.ShownName(value("prefix"), encoding), Delimiter: s3.ShownName(value("delimiter"), encoding),
		KeyMarker: s3.ShownName(value("key-marker"), encoding), VersionIdMarker: value("version-id-marker"), EncodingType: encoding,
		MaxKeys: maxKeys, IsTruncated: page.More,
	}
	owner := &listedOwner{ID: x.facts.Account, DisplayName: x.facts.Account}
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
			size := listedSize(e.Version.Size)
			v.Size, v.ETag, v.StorageClass = &size, s3.ClientETag([]byte(e.Version.ETag)), x.shownClass(e.Version.StorageClass)
		}
		out.Entries = append(out.Entries, v)
	}
	if page.More {
		if page.Last == "" {
			return s3.Internal(errNoToken)
		}
		out.NextKeyMarker, out.NextVersionIdMarker = s3.ShownName(page.Last, encoding), page.Version
	}
	return x.answerXML(&out)
}

// askVersions asks the store for one page of versions.
func (x *exchange) askVersions(_ context.Context, q *store.ListQuery) (*store.Listing, error) {
	query := "encoding-type=url"
	for _, p := range [...]s3.Parameter{
		{Name: "prefix", Value: q.Prefix}, {Name: "delimiter", Value: q.Delimiter}, {Name: "key-marker", Value: q.After},
		{Name: "version-id-marker", Value: q.Version},
	} {
		if p.Value != "" {
			query = store.AppendQuery(query, p.Name, p.Value)
		}
	}
	query = store.AppendQuery(store.AppendQuery(query, "max-keys", strconv.Itoa(q.Max)), "versions", "")
	var page storeVersions
	if err := x.listStore("ListObjectVersions", query, &page); err != nil {
		return nil, err
	}
	return page.listing()
}

// listing is the page with its names decoded, in the order of names, and of each name's versions the newest first.
func (p *storeVersions) listing() (*store.Listing, error) {
	out := &store.Listing{More: p.IsTruncated}
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.XMLName.Local != "Version" && e.XMLName.Local != "DeleteMarker" {
			continue
		}
		name, err := decodeName(e.Key, p.EncodingType)
		if err != nil {
			return nil, s3.Internal(err)
		}
		out.Entries = append(out.Entries, store.ListEntry{Name: name, Version: &store.PageVersion{
			Marker: e.XMLName.Local == "DeleteMarker", VersionID: e.VersionId, IsLatest: e.IsLatest,
			LastModified: e.LastModified, ETag: e.ETag, Size: e.Size, StorageClass: e.StorageClass,
		}})
	}
	for _, c := range p.CommonPrefixes {
		name, err := decodeName(c.Prefix, p.EncodingType)
		if err != nil {
			return nil, s3.Internal(err)
		}
		out.Entries = append(out.Entries, store.ListEntry{Name: name, Common: true})
	}
	slices.SortStableFunc(out.Entries, func(a, b store.ListEntry) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 || a.Common || b.Common {
			return c
		}
		return newerFirst(a.Version, b.Version)
	})
	if n := len(out.Entries); n > 0 && p.IsTruncated {
		// What the store says that its page ends with does.
		end := slices.IndexFunc(out.Entries, func(e store.ListEntry) bool {
			return e.Name == out.Entries[n-1].Name && e.Version != nil && e.Version.VersionID == p.NextVersionIdMarker
		})
		if end >= 0 {
			last := out.Entries[end]
			out.Entries = append(slices.Delete(out.Entries, end, end+1), last)
		}
	}
	return out, nil
}

// newerFirst orders versions of one key, the current one first. Ids of some stores, ULIDs, have an order, which is
// finer than that of their dates.
func newerFirst(a, b *store.PageVersion) int {
	const ulid = 26
	switch {
	case a.IsLatest && !b.IsLatest:
		return -1
	case b.IsLatest && !a.IsLatest:
		return 1
	case len(a.VersionID) == ulid && len(b.VersionID) == ulid:
		return strings.Compare(b.VersionID, a.VersionID)
	}
	return strings.Compare(b.LastModified, a.LastModified)
}

func decodeName(name, encoding string) (string, error) {
	if encoding != "url" {
		return name, nil
	}
	return url.QueryUnescape(name)
}
