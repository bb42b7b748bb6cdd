package gateway

import (
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// maxBucketPolicy bounds the body of PutBucketPolicy, in bytes; S3's own limit is 20 KiB and is policy's to refuse.
const maxBucketPolicy = 64 << 10

// bucketPolicies keeps the bucket policies that records hold, compiled.
type bucketPolicies struct {
	compiled *lru.Cache[string, *policy.BucketPolicy]
}

func newBucketPolicies() *bucketPolicies {
	compiled, err := lru.New[string, *policy.BucketPolicy](1024)
	if err != nil {
		panic("gateway: internal error: " + err.Error())
	}
	return &bucketPolicies{compiled}
}

// of returns the policy of a bucket, nil if it has none. One that doesn't compile, say since a newer version of this
// program has accepted it, is refused with whatever it was asked for: it could hold a Deny.
func (p *bucketPolicies) of(b *state.Bucket, kind policy.Kind) (*policy.BucketPolicy, error) {
	if b.Policy == "" {
		return nil, nil
	}
	name := b.ARN + "\n" + b.Policy
	if known, ok := p.compiled.Get(name); ok {
		return known, nil
	}
	compiled, refused := policy.ParseBucketPolicy([]byte(b.Policy), kind, b.ARN)
	if refused != nil {
		return nil, s3.Internal(fmt.Errorf("the policy of the bucket %s can't be understood: %w", b.Name, refused))
	}
	p.compiled.Add(name, compiled)
	return compiled, nil
}

// putBucketPolicy carries out PutBucketPolicy. The policy is kept as it was given; it counts within the time that
// records are cached.
func putBucketPolicy(x *exchange) error {
	document, err := x.readDocument(maxBucketPolicy)
	if err != nil {
		return err
	}
	if _, refused := policy.ParseBucketPolicy(document, x.Facts.Kind, x.Facts.ARN); refused != nil {
		return refused
	}
	return x.setBucketPolicy(string(document))
}

// deleteBucketPolicy carries out DeleteBucketPolicy, also where there is none.
func deleteBucketPolicy(x *exchange) error { return x.setBucketPolicy("") }

func (x *exchange) setBucketPolicy(document string) error {
	_, err := x.g.o.Buckets.UpdateBucket(x.Context, x.Bucket, func(b *state.Bucket) error {
		if b.Incarnation != x.Record.Incarnation {
			return s3.NoSuchBucket(x.Bucket) // the policy names another bucket's ARN, or was meant for it
		}
		b.Policy = document
		return nil
	})
	if err != nil {
		return x.updateError(err)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}

// currentPolicy is the bucket's policy as it is now.
func (x *exchange) currentPolicy() (string, error) {
	record, err := x.g.freshBucket(x)
	switch {
	case err != nil:
		return "", err
	case record == nil:
		return "", s3.NoSuchBucket(x.Bucket)
	case record.Policy == "":
		return "", s3.Refuse("NoSuchBucketPolicy", "The bucket policy does not exist", "BucketName", x.Bucket)
	}
	return record.Policy, nil
}

// getBucketPolicy carries out GetBucketPolicy: the policy as it was given.
func getBucketPolicy(x *exchange) error {
	document, err := x.currentPolicy()
	if err != nil {
		return err
	}
	x.ctx.Response.Header.SetContentType("application/json")
	x.ctx.Response.SetBodyString(document)
	return nil
}

// getBucketPolicyStatus carries out GetBucketPolicyStatus. Nothing is public: anonymous requests have no access, whatever
// a policy says.
func getBucketPolicyStatus(x *exchange) error {
	if _, err := x.currentPolicy(); err != nil {
		return err
	}
	return x.answerXML(&struct {
		XMLName  xml.Name `xml:"PolicyStatus"`
		Xmlns    string   `xml:"xmlns,attr"`
		IsPublic bool
	}{Xmlns: s3.Namespace})
}

// conditionValues answers the condition keys of policies that are about who asks and from where. There is one exchange
// for a request, and an object is none, so that there is one answer for all that the request reads, writes and deletes.
type conditionValues exchange

// Value returns the value of a condition key in lower case.
func (v *conditionValues) Value(key string) (string, bool) {
	x := (*exchange)(v)
	switch key {
	case "aws:sourceip":
		return x.client().String(), true
	case "aws:currenttime":
		return x.start.UTC().Format(time.RFC3339), true
	case "aws:epochtime":
		return fmt.Sprint(x.start.Unix()), true
	case "aws:useragent":
		agent := x.ctx.UserAgent()
		return string(agent), len(agent) > 0
	case "aws:referer":
		referer := x.ctx.Referer()
		return string(referer), len(referer) > 0
	case "aws:username":
		return x.identity.Name, true
	case "aws:principaltype":
		return "User", true
	case "aws:requestedregion":
		return x.g.o.Region, true
	case "s3:signatureversion", "s3express:signatureversion":
		return signatureVersion, true
	case "s3:authtype", "s3express:authtype":
		return authTypes[x.auth.Kind], true
	case "s3:signatureage", "s3express:signatureage": // in milliseconds
		return strconv.FormatInt(max(0, x.start.Sub(x.auth.Time).Milliseconds()), 10), true
	case "s3:tlsversion", "s3express:tlsversion": // unknown where TLS ends in front of us
		if state := x.ctx.TLSConnectionState(); state != nil {
			return strings.TrimPrefix(tls.VersionName(state.Version), "TLS "), true
		}
		return "", false
	}
	return "", false
}

const signatureVersion = "AWS4-HMAC-SHA256"

var authTypes = map[sigv4.Kind]string{
	sigv4.Header: "REST-HEADER", sigv4.Presigned: "REST-QUERY-STRING", sigv4.Form: "POST",
}

// aboutBucketPolicy says that an operation is about the bucket's policy, which has no say in it: also one that can't be
// understood is replaced or removed by who may.
func aboutBucketPolicy(op policy.Operation) bool {
	return op == policy.PutBucketPolicy || op == policy.GetBucketPolicy || op == policy.DeleteBucketPolicy
}
