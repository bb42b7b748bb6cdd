package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"net/url"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// maxListing bounds the store's page of 1,000 keys of up to 1,024 bytes, three times that when encoded.
const maxListing = 16 << 20

type listedOwner struct {
	ID          string
	DisplayName string
}

const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// listObjectsV2 carries out ListObjectsV2. The store lists; sizes come from stored sizes by arithmetic, which is
// exact for every sealed object, so no object is asked.
func listObjectsV2(x *exchange) error {
	query := "encoding-type=url&list-type=2"
	prefix, _ := x.query.Get("prefix")
	delimiter, _ := x.query.Get("delimiter")
	startAfter, _ := x.query.Get("start-after")
	token, hasToken := x.query.Get("continuation-token")
	encoding, _ := x.query.Get("encoding-type")
	maxKeys := x.count("max-keys", 1000)
	for _, p := range [...]parameter{{"prefix", prefix}, {"delimiter", delimiter}, {"start-after", startAfter}} {
		if p.value != "" {
			query = store.AppendQuery(query, p.name, p.value)
		}
	}
	if hasToken {
		// The store's token is wrapped, so that a client's own text never reaches the store as one.
		raw, ok := strings.CutPrefix(token, tokenPrefix)
		stored, err := base64.RawURLEncoding.DecodeString(raw)
		if !ok || err != nil || len(stored) == 0 {
			return invalidArgument("continuation-token", token, "The continuation token provided is incorrect")
		}
		query = store.AppendQuery(query, "continuation-token", string(stored))
	}
	page, err := x.listPage("ListObjectsV2", query, maxKeys)
	if err != nil {
		return err
	}
	out := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Name                  string
		Prefix                string
		Delimiter             string `xml:",omitempty"`
		StartAfter            string `xml:",omitempty"`
		EncodingType          string `xml:",omitempty"`
		ContinuationToken     string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		KeyCount              int
		MaxKeys               int
		IsTruncated           bool
		Listed                []byte `xml:",innerxml"`
	}{
		Xmlns: s3Namespace, Name: x.bucket, Prefix: encodeName(prefix, encoding), Delimiter: encodeName(delimiter, encoding),
		StartAfter: encodeName(startAfter, encoding), EncodingType: encoding, ContinuationToken: token, MaxKeys: maxKeys, IsTruncated: page.IsTruncated,
	}
	if page.IsTruncated {
		if page.NextContinuationToken == "" {
			return internal(errNoToken)
		}
		out.NextContinuationToken = tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(page.NextContinuationToken))
	}
	owner := (*listedOwner)(nil)
	if v, _ := x.query.Get("fetch-owner"); v == "true" {
		owner = &listedOwner{ID: x.facts.Account, DisplayName: x.facts.Account}
	}
	out.KeyCount = len(page.Contents) + len(page.CommonPrefixes)
	if out.Listed, err = x.listed(page, encoding, owner); err != nil {
		return err
	}
	return x.answerXML(&out)
}

const tokenPrefix = "1."

type listingError string

func (e listingError) Error() string { return string(e) }

const errNoToken = listingError("the store cut a listing off without a token to go on")

// count reads a max-… parameter, which CheckRequest has found to be a number; more than most is cut to it.
func (x *exchange) count(name string, most int) int {
	v, ok := x.query.Get(name)
	if !ok || v == "" {
		return most
	}
	n, err := strconv.Atoi(v)
	if err != nil || n > most || n < 0 {
		return most
	}
	return n
}

// listPage asks the store for a page of objects; for none when maxKeys is 0.
func (x *exchange) listPage(operation, query string, maxKeys int) (*store.Page, error) {
	if maxKeys == 0 {
		return new(store.Page), nil
	}
	body, err := x.listing(operation, store.AppendQuery(query, "max-keys", strconv.Itoa(maxKeys)))
	if err != nil {
		return nil, err
	}
	page, err := store.ParsePage(body)
	if err != nil {
		return nil, internal(err)
	}
	return page, nil
}

// listStore asks the store for a page of something else.
func (x *exchange) listStore(operation, query string, page any) error {
	body, err := x.listing(operation, query)
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(body, page); err != nil {
		return internal(err)
	}
	return nil
}

// listing is the store's answer to a listing.
func (x *exchange) listing(operation, query string) ([]byte, error) {
	a, err := x.g.o.Store.Do(x.context, &store.Request{Operation: operation, Method: "GET", Bucket: x.record.StoreName, Query: query})
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(operation); f != nil {
		return nil, storeError(f, x.bucket, "")
	}
	body, err := a.Bytes(maxListing)
	if err != nil {
		return nil, unavailable(err)
	}
	return body, nil
}

// listed turns a store's page into the client's Contents and CommonPrefixes: names decoded and encoded anew, plaintext
// sizes, mapped ETags. It is written without encoding/xml's Marshal, which would cost most of a listing's time.
func (x *exchange) listed(page *store.Page, encoding string, owner *listedOwner) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, 320*len(page.Contents)+64))
	text := func(open, value, end string) {
		b.WriteString(open)
		if needsNoEscape(value) {
			b.WriteString(value)
		} else {
			_ = xml.EscapeText(b, []byte(value)) // a Buffer's Write doesn't fail
		}
		b.WriteString(end)
	}
	var number [20]byte
	for i := range page.Contents {
		c := &page.Contents[i]
		name, err := decodeName(c.Key, page.EncodingType)
		if err != nil {
			return nil, internal(err)
		}
		text("<Contents><Key>", encodeName(name, encoding), "</Key>")
		text("<LastModified>", c.LastModified, "</LastModified>")
		text("<ETag>&#34;"+etagPrefix, unquote(c.ETag), "&#34;</ETag><Size>") // clientETag's form
		b.Write(strconv.AppendInt(number[:0], listedSize(c.Size), 10))
		b.WriteString("</Size>")
		if owner != nil {
			text("<Owner><ID>", owner.ID, "</ID>")
			text("<DisplayName>", owner.DisplayName, "</DisplayName></Owner>")
		}
		text("<StorageClass>", x.shownClass(c.StorageClass), "</StorageClass></Contents>")
	}
	for _, p := range page.CommonPrefixes {
		name, err := decodeName(p.Prefix, page.EncodingType)
		if err != nil {
			return nil, internal(err)
		}
		text("<CommonPrefixes><Prefix>", encodeName(name, encoding), "</Prefix></CommonPrefixes>")
	}
	return b.Bytes(), nil
}

// needsNoEscape tells whether XML takes text as it is.
func needsNoEscape(text string) bool {
	for i := range len(text) {
		if b := text[i]; b < ' ' || b >= 0x7f || b == '&' || b == '<' || b == '>' || b == '"' || b == '\'' {
			return false
		}
	}
	return true
}

// listedSize is the plaintext length of an object of this stored size. That of one that was not sealed here stays as it is.
func listedSize(stored int64) int64 {
	if plain, ok := crypto.PlainLength(stored); ok {
		return plain
	}
	return stored
}

func decodeName(name, encoding string) (string, error) {
	if encoding != "url" {
		return name, nil
	}
	return url.QueryUnescape(name)
}

// encodeName encodes a name as S3's encoding-type=url does.
func encodeName(name, encoding string) string {
	if encoding != "url" {
		return name
	}
	return strings.ReplaceAll(url.QueryEscape(name), "%2F", "/")
}

// answerXML answers 200 with a document.
func (x *exchange) answerXML(doc any) error {
	body, err := xml.Marshal(doc)
	if err != nil {
		return internal(err)
	}
	resp := &x.ctx.Response
	resp.Header.SetContentType("application/xml")
	resp.SetBodyString(xml.Header)
	resp.AppendBody(body)
	return nil
}

type listedBucket struct {
	Name         string
	CreationDate string
	BucketRegion string `xml:",omitempty"`
	BucketArn    string `xml:",omitempty"`
}

// tokenMark tells a token of ours from whatever else a client may take for one: names of buckets look like many things.
const tokenMark = "buckets after "

// bucketToken is the continuation token behind a bucket's name.
func bucketToken(name string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenMark + name))
}

// bucketBehind is its inverse.
func bucketBehind(token string) (name string, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	name, ok = strings.CutPrefix(string(text), tokenMark)
	return name, ok && err == nil && name != ""
}

// listBuckets carries out ListBuckets and ListDirectoryBuckets: the buckets of one kind, in order.
func listBuckets(x *exchange) error {
	directory := x.operation == policy.ListDirectoryBuckets
	out := struct {
		XMLName           xml.Name
		Xmlns             string       `xml:"xmlns,attr"`
		Owner             *listedOwner `xml:",omitempty"`
		Buckets           struct{ Bucket []listedBucket }
		ContinuationToken string `xml:",omitempty"`
		Prefix            string `xml:",omitempty"`
	}{Xmlns: s3Namespace}
	limit := 10_000
	tokenName := "continuation-token"
	if directory {
		out.XMLName.Local = "ListAllMyDirectoryBucketsResult"
		limit = x.count("max-directory-buckets", 1000)
	} else {
		out.XMLName.Local = "ListAllMyBucketsResult"
		out.Owner = &listedOwner{ID: x.g.o.Account, DisplayName: x.g.o.Account}
		if v, ok := x.query.Get("max-buckets"); ok {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > limit {
				return invalidArgument("max-buckets", v, "Argument max-buckets must be an integer between 1 and 10000")
			}
			limit = n
		}
	}
	start := ""
	if token, given := x.query.Get(tokenName); given {
		var ok bool
		if start, ok = bucketBehind(token); !ok {
			return invalidArgument(tokenName, token, "The continuation token provided is incorrect")
		}
	}
	region, inRegion := "", false
	if !directory {
		region, inRegion = x.query.Get("bucket-region")
	}
	prefix, _ := x.query.Get("prefix")
	if !directory {
		out.Prefix = prefix
	}
	err := x.g.o.Buckets.ListBuckets(x.context, start, func(b *state.Bucket) bool {
		if b.Directory != directory || !strings.HasPrefix(b.Name, prefix) || inRegion && b.Region != region {
			return true
		}
		if len(out.Buckets.Bucket) == limit {
			if limit > 0 {
				out.ContinuationToken = bucketToken(out.Buckets.Bucket[limit-1].Name)
			}
			return false
		}
		entry := listedBucket{Name: b.Name, CreationDate: b.Created.UTC().Format("2006-01-02T15:04:05.000Z"), BucketRegion: b.Region}
		if directory {
			entry.BucketArn = b.ARN
		}
		out.Buckets.Bucket = append(out.Buckets.Bucket, entry)
		return true
	})
	if err != nil {
		return recordError(err)
	}
	return x.answerXML(&out)
}
