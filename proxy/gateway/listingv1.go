package gateway

import (
	"encoding/xml"

	"sealfront/policy"
	"sealfront/proxy/store"
)

// listObjects carries out ListObjects, version 1 of the listing: in general purpose buckets, and in directory buckets,
// which don't have it, where Options.ListObjectsV1 says so. Sizes are exact as in version 2.
func listObjects(x *exchange) error {
	if x.facts.Kind == policy.Directory && !x.g.o.ListObjectsV1 {
		return policy.NotImplemented(policy.ListObjects)
	}
	query := "encoding-type=url"
	prefix, _ := x.query.Get("prefix")
	delimiter, _ := x.query.Get("delimiter")
	marker, _ := x.query.Get("marker")
	encoding, _ := x.query.Get("encoding-type")
	maxKeys := x.count("max-keys", 1000)
	for _, p := range [...]parameter{{"prefix", prefix}, {"delimiter", delimiter}, {"marker", marker}} {
		if p.value != "" {
			query = store.AppendQuery(query, p.name, p.value)
		}
	}
	page, err := x.listPage("ListObjects", query, maxKeys)
	if err != nil {
		return err
	}
	out := struct {
		XMLName      xml.Name `xml:"ListBucketResult"`
		Xmlns        string   `xml:"xmlns,attr"`
		Name         string
		Prefix       string
		Marker       string
		NextMarker   string `xml:",omitempty"`
		Delimiter    string `xml:",omitempty"`
		EncodingType string `xml:",omitempty"`
		MaxKeys      int
		IsTruncated  bool
		Listed       []byte `xml:",innerxml"`
	}{
		Xmlns: s3Namespace, Name: x.bucket, Prefix: encodeName(prefix, encoding), Marker: encodeName(marker, encoding),
		Delimiter: encodeName(delimiter, encoding), EncodingType: encoding, MaxKeys: maxKeys, IsTruncated: page.IsTruncated,
	}
	owner := &listedOwner{ID: x.facts.Account, DisplayName: x.facts.Account}
	if out.Listed, err = x.listed(page, encoding, owner); err != nil {
		return err
	}
	if page.IsTruncated {
		// Stores may leave it out without a delimiter; clients then go on from the last key.
		marker := page.NextMarker
		if n := len(page.Contents); marker == "" && n > 0 && len(page.CommonPrefixes) == 0 {
			marker = page.Contents[n-1].Key
		}
		next, err := decodeName(marker, page.EncodingType)
		if err != nil {
			return internal(err)
		}
		if next == "" {
			return internal(errNoToken)
		}
		out.NextMarker = encodeName(next, encoding)
	}
	return x.answerXML(&out)
}
