package access_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/session"
)

const (
	sse   = "x-amz-server-side-encryption: AES256"
	kms   = "x-amz-server-side-encryption: aws:kms"
	keyID = "x-amz-server-side-encryption-aws-kms-key-id: "
)

// agreementHeaders are what requests have besides what their operation needs.
var agreementHeaders = [][]string{
	nil,
	{sse},
	{kms},
	{kms, keyID + keyOne},
	{kms, keyID + keyOne[len(keyOne)-36:]},
	{kms, keyID + keyTwo},
	{kms, keyID + "arn:aws:kms:us-west-2:999999999999:key/1"},
	{kms, keyID + "alias/one"},
	{"x-amz-server-side-encryption: aws:kms:dsse"},
	{keyID + keyOne},
	{kms, "x-amz-server-side-encryption-context: " + base64.StdEncoding.EncodeToString([]byte(`{"a":"b"}`))},
	{"x-amz-server-side-encryption-bucket-key-enabled: maybe"},
	{"x-amz-expected-bucket-owner: 999999999999"},
	{"x-amz-storage-class: ONEZONE_IA"},
	{"x-amz-acl: public-read"},
	{"x-amz-object-lock-mode: GOVERNANCE"},
}

// An agreementRow is an operation and how it is asked for.
type agreementRow struct {
	op          policy.Operation
	method      string
	object      bool
	query, more string
}

var agreementRows = []agreementRow{
	{policy.PutObject, "PUT", true, "", ""},
	{policy.GetObject, "GET", true, "", ""},
	{policy.HeadObject, "HEAD", true, "", ""},
	{policy.GetObject, "GET", true, "versionId=v", ""},
	{policy.DeleteObject, "DELETE", true, "", ""},
	{policy.CopyObject, "PUT", true, "", "x-amz-copy-source: plain/other"},
	{policy.RenameObject, "PUT", true, "renameObject=", "x-amz-rename-source: other"},
	{policy.CreateMultipartUpload, "POST", true, "uploads=", ""},
	{policy.UploadPart, "PUT", true, "partNumber=1&uploadId=u", ""},
	{policy.CompleteMultipartUpload, "POST", true, "uploadId=u", ""},
	{policy.GetObjectAttributes, "GET", true, "attributes=", "x-amz-object-attributes: ETag"},
	{policy.DeleteObjects, "POST", false, "delete=", "content-md5: 1B2M2Y8AsgTpgAmY7PhCfg=="},
	{policy.ListObjectsV2, "GET", false, "list-type=2&prefix=a", ""},
	{policy.HeadBucket, "HEAD", false, "", ""},
	{policy.CreateSession, "GET", false, "session=", ""},
	{policy.PutBucketEncryption, "PUT", false, "encryption=", ""},
	{policy.GetBucketPolicy, "GET", false, "policy=", ""},
	{policy.PutBucketTagging, "PUT", false, "tagging=", ""},
	{policy.TagResource, "POST", false, "", "x-amz-account-id: " + testAccount},
	{policy.UntagResource, "DELETE", false, "tagKeys=a", "x-amz-account-id: " + testAccount},
	{policy.CreateBucket, "PUT", false, "", ""},
	{policy.PostObject, "POST", false, "", ""},
}

// A signature is who signs a request, and with what.
type signature struct {
	who     string
	session []string // headers of CreateSession; nil: long-term
}

// An agreement counts what TestExplainAndRequestsAgree compares.
type agreement struct {
	*room
	require  policy.Require
	compared int
	rows     map[string]bool
}

// TestExplainAndRequestsAgree takes every combination of operation, bucket, headers, TLS, identity and session through
// the decision of a request and through Explain.
func TestExplainAndRequestsAgree(t *testing.T) {
	t.Parallel()
	signatures := []signature{
		{"all", nil},
		{"keyless", nil},
		{"reader", nil},
		{"nobody", nil},
		{"all", []string{}},
		{"all", []string{sse}},
		{"reader", []string{}},
		{"all", []string{kms, keyID + keyTwo}},
	}
	buckets := []string{
		"never--az1--x-s3", "sealed--az1--x-s3", "bound--az1--x-s3", "absent--az1--x-s3", "plain", "kms", "denies",
		"absent",
	}
	a := &agreement{rows: make(map[string]bool)}
	for _, a.require = range []policy.Require{policy.RequireKMS, policy.RequireAll} {
		a.room = newRoom(t, func(o *access.Options) { o.RequireTLS, o.PostObject = a.require, true })
		for _, bucket := range buckets {
			for _, plain := range []bool{false, true} {
				if a.require == policy.RequireAll && !plain {
					continue // as without it
				}
				for _, s := range signatures {
					if s.session != nil && policy.KindOf(bucket) != policy.Directory {
						continue
					}
					for i := range agreementRows {
						for _, h := range agreementHeaders {
							a.compare(bucket, s, &agreementRows[i], h, plain)
						}
					}
				}
			}
		}
	}
	t.Logf("%d requests, %d rows", a.compared, len(a.rows))
	if a.compared < 5000 || len(a.rows) < 30 {
		t.Errorf("%d requests were compared, and %d rows decided", a.compared, len(a.rows))
	}
}

func (a *agreement) compare(bucket string, s signature, o *agreementRow, h []string, plain bool) {
	a.t.Helper()
	if !o.op.Supports(policy.KindOf(bucket)) || s.session != nil && (!o.op.Zonal() || o.op.LongTermOnly()) {
		return
	}
	if slices.Contains(h, keyID+"alias/one") && s.who == "keyless" {
		return // Explain doesn't call KMS to learn which key that is
	}
	q := &access.Question{
		Operation: o.op.String(), Bucket: bucket, Header: h, SessionHeader: s.session, LongTerm: s.session == nil,
		Plain: plain, Principal: s.who, Query: parametersOf(o.query),
	}
	r := &request{
		method: o.method, path: "/" + bucket, query: o.query, header: h, who: s.who, plain: plain,
		form: o.op == policy.PostObject,
	}
	if r.form {
		if s.session != nil {
			return // its token would be a field
		}
		q.Key = "key"
	}
	if o.op == policy.TagResource || o.op == policy.UntagResource {
		r.path = "/v20180820/tags/" + policy.BucketARN(bucket, testRegion, testAccount)
	}
	if o.object {
		q.Key, r.path = "key", r.path+"/key"
	}
	if o.more != "" {
		q.Header = append(slices.Clone(h), o.more)
		r.header = q.Header
	}
	got := a.decided(r, s.session)
	e, err := a.Explain(a.t.Context(), q)
	if err != nil {
		a.t.Fatal(err)
	}
	want := e.Code + " " + e.Row
	if e.Decision == "allow" {
		want = "allow " + e.Row
	}
	a.compared++
	a.rows[e.Row] = true
	if got != want {
		a.t.Errorf("%v on %s by %+v, %v, plain %t, require %d: a request is decided %q, and explained %q",
			o.op, bucket, s, q.Header, plain, a.require, got, want)
	}
}

func parametersOf(query string) (list []string) {
	for f := range strings.SplitSeq(query, "&") {
		if f != "" {
			list = append(list, f)
		}
	}
	return list
}

// decided is what the request is decided, in the session that these headers make.
func (g *room) decided(r *request, sessionHeader []string) string {
	g.t.Helper()
	if sessionHeader != nil {
		bucket, _, _ := strings.Cut(r.path[1:], "/")
		x, err := g.check(&request{
			method: "GET", path: "/" + bucket, query: "session=", header: sessionHeader, who: r.who, plain: r.plain,
		})
		if err != nil {
			return outcome(g.t, x, err)
		}
		s := session.Session{Principal: r.who, Bucket: bucket, ReadOnly: x.Mode == policy.ReadOnly}
		if x.Record != nil {
			e := x.Decision.Encryption
			s.Incarnation, s.KMS, s.KeyARN = x.Record.Incarnation, e.SSE == policy.SSEKMS, e.KeyARN
		}
		r.session = g.newSession(s)
	}
	x, err := g.check(r)
	return outcome(g.t, x, err)
}

// Nobody without a permission learns from a refusal what a bucket's key is, or that it has none.
func TestPermissionsComeBeforeFacts(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	headers := [][]string{
		nil,
		{kms},
		{kms, keyID + keyOne},
		{kms, keyID + keyTwo},
		{kms, keyID + "alias/one"},
		{"x-amz-expected-bucket-owner: 999999999999"},
		{"x-amz-storage-class: ONEZONE_IA"},
	}
	for _, bucket := range []string{"never--az1--x-s3", "sealed--az1--x-s3", "bound--az1--x-s3", "plain", "kms"} {
		for _, r := range []request{
			{method: "PUT", path: "/" + bucket + "/key"},
			{method: "GET", path: "/" + bucket + "/key"},
			{method: "POST", path: "/" + bucket + "/key", query: "uploads="},
			{method: "GET", path: "/" + bucket, query: "session="},
		} {
			for _, header := range headers {
				for _, plain := range []bool{false, true} {
					if r.query == "session=" && policy.KindOf(bucket) != policy.Directory ||
						r.method == "GET" && r.query == "" && len(header) > 0 && header[0] == kms {
						continue // not its operation, and refused by the headers alone
					}
					one := r
					one.header, one.plain, one.who = header, plain, "nobody"
					if got := g.decided(&one, nil); !strings.HasPrefix(got, "AccessDenied ") {
						t.Errorf("%s %s?%s with %v, plain %t: %s", r.method, r.path, r.query, header, plain, got)
					}
				}
			}
		}
	}
}
