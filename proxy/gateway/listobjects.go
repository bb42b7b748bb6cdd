package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"strconv"
	"strings"
	"unicode/utf8"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

type listedOwner struct {
	ID          string
	DisplayName string
}

// listObjectsV2 carries out ListObjectsV2. The store lists; sizes come from stored sizes by arithmetic, which is
// exact for every sealed object, so no object is read.
func listObjectsV2(x *exchange) error {
	prefix, _ := x.grant.Query.Get("prefix")
	delimiter, _ := x.grant.Query.Get("delimiter")
	startAfter, _ := x.grant.Query.Get("start-after")
	token, hasToken := x.grant.Query.Get("continuation-token")
	encoding, _ := x.grant.Query.Get("encoding-type")
	maxKeys := x.count("max-keys", 1000)
	q := store.ListQuery{Prefix: prefix, Delimiter: delimiter, After: startAfter, Max: maxKeys}
	if hasToken {
		if !resume(&q, token) {
			return s3.InvalidArgument("continuation-token", token, "The continuation token provided is incorrect")
		}
	}
	page, err := x.ListPage(x.context, &q)
	if err == nil {
		err = x.AddOpenPrefixes(x.context, page, &q)
	}
	if err != nil {
		return err
	}
	out := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Name                  string
		Prefix                s3.Name
		Delimiter             s3.Name `xml:",omitempty"`
		StartAfter            s3.Name `xml:",omitempty"`
		EncodingType          string  `xml:",omitempty"`
		ContinuationToken     string  `xml:",omitempty"`
		NextContinuationToken string  `xml:",omitempty"`
		KeyCount              int
		MaxKeys               int
		IsTruncated           bool
		Listed                []byte `xml:",innerxml"`
	}{
		Xmlns: s3.Namespace, Name: x.Bucket, Prefix: s3.ShownName(prefix, encoding),
		Delimiter:  s3.ShownName(delimiter, encoding),
		StartAfter: s3.ShownName(startAfter, encoding), EncodingType: encoding, ContinuationToken: token, MaxKeys: maxKeys,
		IsTruncated: page.More,
	}
	if page.More {
		if out.NextContinuationToken = tokenOf(page); out.NextContinuationToken == "" {
			return s3.Internal(objects.ErrNoToken)
		}
	}
	owner := (*listedOwner)(nil)
	if v, _ := x.grant.Query.Get("fetch-owner"); v == "true" {
		owner = &listedOwner{ID: x.Facts.Account, DisplayName: x.Facts.Account}
	}
	out.KeyCount = len(page.Entries)
	out.Listed = x.listingXML(page, encoding, owner)
	return x.answerXML(&out)
}

// A continuation token is the store's own, wrapped, so that a client's own text never reaches the store as one; or the
// name that a page ended with.
const (
	tokenPrefix = "1."
	namePrefix  = "2."
)

func tokenOf(page *store.Listing) string {
	switch {
	case page.Token != "":
		return tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(page.Token))
	case page.Last != "":
		return namePrefix + base64.RawURLEncoding.EncodeToString([]byte(page.Last))
	}
	return ""
}

// resume makes q continue where a token says.
func resume(q *store.ListQuery, token string) bool {
	raw, stores := strings.CutPrefix(token, tokenPrefix)
	raw, names := strings.CutPrefix(raw, namePrefix)
	place, err := base64.RawURLEncoding.DecodeString(raw)
	switch {
	case stores == names || err != nil || len(place) == 0:
		return false
	case stores:
		q.Token = string(place)
	case !utf8.Valid(place):
		return false
	default:
		q.After = string(place)
	}
	return true
}

// count reads a max-… parameter, which CheckRequest has found to be a number; more than most is cut to it.
func (x *exchange) count(name string, most int) int {
	v, ok := x.grant.Query.Get(name)
	if !ok || v == "" {
		return most
	}
	n, err := strconv.Atoi(v)
	if err != nil || n > most || n < 0 {
		return most
	}
	return n
}

// listingXML turns a page into the client's Contents and CommonPrefixes: names encoded, plaintext
// sizes, mapped ETags. It is written without encoding/xml's Marshal, which would cost most of a listing's time.
func (x *exchange) listingXML(page *store.Listing, encoding string, owner *listedOwner) []byte {
	b := bytes.NewBuffer(make([]byte, 0, 320*len(page.Entries)+64))
	text := func(open, value, end string) {
		b.WriteString(open)
		s3.WriteText(b, value)
		b.WriteString(end)
	}
	var number [20]byte
	for i := range page.Entries {
		c := page.Entries[i].Object
		if c == nil {
			continue
		}
		text("<Contents><Key>", s3.EncodeName(page.Entries[i].Name, encoding), "</Key>")
		text("<LastModified>", c.LastModified, "</LastModified>")
		text("<ETag>&#34;"+s3.EtagPrefix, s3.Unquote(c.ETag), "&#34;</ETag><Size>") // clientETag's form
		b.Write(strconv.AppendInt(number[:0], objects.ListedSize(c.Size), 10))
		b.WriteString("</Size>")
		if owner != nil {
			text("<Owner><ID>", owner.ID, "</ID>")
			text("<DisplayName>", owner.DisplayName, "</DisplayName></Owner>")
		}
		text("<StorageClass>", x.clientStorageClass(c.StorageClass), "</StorageClass></Contents>")
	}
	for i := range page.Entries {
		if e := &page.Entries[i]; e.Common {
			text("<CommonPrefixes><Prefix>", s3.EncodeName(e.Name, encoding), "</Prefix></CommonPrefixes>")
		}
	}
	return b.Bytes()
}
