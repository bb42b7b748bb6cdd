package gateway

import (
	"encoding/xml"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// listObjects carries out ListObjects, version 1 of the listing: in general purpose buckets, and in directory buckets,
// which don't have it, where Options.ListObjectsV1 says so. It lists the store by version 2: NextMarker is the name
// that a page ends with, and stores' own markers may hold more than names (MinIO's "[minio_cache:…]"). Sizes are exact
// as in version 2.
func listObjects(x *exchange) error {
	if x.Facts.Kind == policy.Directory && !x.g.o.ListObjectsV1 {
		return policy.NotImplemented(policy.ListObjects)
	}
	prefix, _ := x.grant.Query.Get("prefix")
	delimiter, _ := x.grant.Query.Get("delimiter")
	marker, _ := x.grant.Query.Get("marker")
	encoding, _ := x.grant.Query.Get("encoding-type")
	maxKeys := x.count("max-keys", 1000)
	q := store.ListQuery{Prefix: prefix, Delimiter: delimiter, After: marker, Max: maxKeys}
	page, err := x.ListPage(x.context, &q)
	if err == nil {
		err = x.AddOpenPrefixes(x.context, page, &q)
	}
	if err != nil {
		return err
	}
	out := struct {
		XMLName      xml.Name `xml:"ListBucketResult"`
		Xmlns        string   `xml:"xmlns,attr"`
		Name         string
		Prefix       s3.Name
		Marker       s3.Name
		NextMarker   s3.Name `xml:",omitempty"`
		Delimiter    s3.Name `xml:",omitempty"`
		EncodingType string  `xml:",omitempty"`
		MaxKeys      int
		IsTruncated  bool
		Listed       []byte `xml:",innerxml"`
	}{
		Xmlns: s3.Namespace, Name: x.Bucket, Prefix: s3.ShownName(prefix, encoding), Marker: s3.ShownName(marker, encoding),
		Delimiter: s3.ShownName(delimiter, encoding), EncodingType: encoding, MaxKeys: maxKeys, IsTruncated: page.More,
	}
	owner := &listedOwner{ID: x.Facts.Account, DisplayName: x.Facts.Account}
	out.Listed = x.listingXML(page, encoding, owner)
	if page.More {
		if page.Last == "" {
			return s3.Internal(objects.ErrNoToken)
		}
		out.NextMarker = s3.ShownName(page.Last, encoding)
	}
	return x.answerXML(&out)
}
