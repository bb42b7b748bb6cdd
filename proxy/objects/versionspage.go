package objects

import (
	"encoding/xml"
	"net/url"
	"slices"
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

	// Otherwise this would be taken for an entry. The store's key marker isn't used: it may be made of a name that isn't
	// shown exactly, or hold more than a name.
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
