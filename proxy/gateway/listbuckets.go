package gateway

import (
	"encoding/base64"
	"encoding/xml"
	"strconv"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

type listedBucket struct {
	Name         string
	CreationDate string
	BucketRegion string `xml:",omitempty"`
	BucketArn    string `xml:",omitempty"`
}

// tokenMark distinguishes a token of ours from other text that a client may send as one.
const tokenMark = "buckets after "

// bucketToken is the continuation token behind a bucket's name.
func bucketToken(name string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenMark + name))
}

// bucketAfter is its inverse.
func bucketAfter(token string) (name string, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	name, ok = strings.CutPrefix(string(text), tokenMark)
	return name, ok && err == nil && name != ""
}

// listBuckets carries out ListBuckets and ListDirectoryBuckets: the buckets of one kind, in order.
func listBuckets(x *exchange) error {
	directory := x.Operation == policy.ListDirectoryBuckets
	out := struct {
		XMLName           xml.Name
		Xmlns             string       `xml:"xmlns,attr"`
		Owner             *listedOwner `xml:",omitempty"`
		Buckets           struct{ Bucket []listedBucket }
		ContinuationToken string `xml:",omitempty"`
		Prefix            string `xml:",omitempty"`
	}{Xmlns: s3.Namespace}
	limit := 10_000
	tokenName := "continuation-token"
	if directory {
		out.XMLName.Local = "ListAllMyDirectoryBucketsResult"
		limit = x.count("max-directory-buckets", 1000)
	} else {
		out.XMLName.Local = "ListAllMyBucketsResult"
		out.Owner = &listedOwner{ID: x.g.o.Account, DisplayName: x.g.o.Account}
		if v, ok := x.grant.Query.Get("max-buckets"); ok {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > limit {
				return s3.InvalidArgument("max-buckets", v, "Argument max-buckets must be an integer between 1 and 10000")
			}
			limit = n
		}
	}
	start := ""
	if token, given := x.grant.Query.Get(tokenName); given {
		var ok bool
		if start, ok = bucketAfter(token); !ok {
			return s3.InvalidArgument(tokenName, token, "The continuation token provided is incorrect")
		}
	}
	region, inRegion := "", false
	if !directory {
		region, inRegion = x.grant.Query.Get("bucket-region")
	}
	prefix, _ := x.grant.Query.Get("prefix")
	if !directory {
		out.Prefix = prefix
	}
	err := x.g.o.Buckets.ListBuckets(x.context, prefix, start, func(b *state.ListedBucket) bool {
		if b.Directory != directory || inRegion && b.Region != region {
			return true
		}
		if len(out.Buckets.Bucket) == limit {
			if limit > 0 {
				out.ContinuationToken = bucketToken(out.Buckets.Bucket[limit-1].Name)
			}
			return false
		}
		entry := listedBucket{
			Name: b.Name, CreationDate: b.Created.UTC().Format("2006-01-02T15:04:05.000Z"), BucketRegion: b.Region,
		}
		if directory {
			entry.BucketArn = b.ARN
		}
		out.Buckets.Bucket = append(out.Buckets.Bucket, entry)
		return true
	})
	if err != nil {
		return objects.RecordError(err)
	}
	return x.answerXML(&out)
}
