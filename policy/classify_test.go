package policy_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"sealfront/policy"
)

// received makes a request from a line of a table: path without its leading slash, raw query, and
// headers as name=value.
func received(t testing.TB, method, path, query, headers string) *policy.Request {
	t.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	r := &policy.Request{Method: method, Query: policy.MapFields(q), TLS: true}
	r.Bucket, r.Key, _ = strings.Cut(path, "/")
	h := policy.MapFields{}
	for _, field := range strings.Fields(headers) {
		name, value, _ := strings.Cut(field, "=")
		h[name] = append(h[name], value)
	}
	r.Header = h
	return r
}

func classified(r *policy.Request) string {
	op, refusal := policy.Classify(r)
	switch {
	case refusal == nil:
		return op.String()
	case refusal.Code == "NotImplemented":
		return refusal.Code + " " + refusal.Elements[0].Value
	case refusal.Allow != "":
		return refusal.Code + " Allow: " + refusal.Allow
	}
	return refusal.Code
}

func TestClassify(t *testing.T) {
	_, rows := table(t, "classify.txt")
	for _, row := range rows {
		t.Run(strings.Join(row[:4], " "), func(t *testing.T) {
			path := row[1]
			if rest, cut := strings.CutPrefix(path, "D"); cut {
				path = bucketName + rest
			} else if rest, cut := strings.CutPrefix(path, "G"); cut {
				path = "plain" + rest
			}
			if got := classified(received(t, row[0], path, row[2], row[3])); got != row[4] {
				t.Errorf("got %s, want %s", got, row[4])
			}
		})
	}
}

func TestWhatRealClientsSendIsRecognised(t *testing.T) {
	_, rows := table(t, "clients.txt")
	for _, row := range rows {
		t.Run(strings.Join(row, " "), func(t *testing.T) {
			headers := ""
			if row[4] == "+" {
				headers = "x-amz-copy-source=" + bucketName + "/k"
			}
			r := received(t, row[0], row[1], row[2], headers)
			r.SigningName = row[3]
			want := row[5]
			if code, parameter, refused := strings.Cut(want, " "); refused && code == "501" {
				want = "NotImplemented " + parameter
			}
			if got := classified(r); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestTheListingOfDirectoryBucketsIsAskedForByItsServiceName(t *testing.T) {
	r := received(t, "GET", "", "", "")
	r.SigningName = "s3express"
	if got := classified(r); got != "ListDirectoryBuckets" {
		t.Errorf("got %s", got)
	}
}

// Every operation is reached by the request that its row describes, and is then decided or refused for
// each kind of bucket; none falls through.
func TestEveryOperationIsDecidedOrRefused(t *testing.T) {
	n := 0
	policy.Operations(func(op policy.Operation) bool {
		n++
		if parsed, ok := policy.ParseOperation(op.String()); !ok || parsed != op {
			t.Errorf("%v doesn't come back from its name", op)
		}
		if op.Zonal() && op.Regional() {
			t.Errorf("%v is both zonal and regional", op)
		}
		if op.AllowedReadOnly() && op.Writes() || op.Reads() == op.Writes() {
			t.Errorf("%v writes and is allowed in a ReadOnly session, or reads and writes", op)
		}
		for _, b := range []*policy.Bucket{
			bucket("kms"), {
				Name: "plain", ARN: "arn:aws:s3:::plain", Kind: policy.General, Account: account,
				Default: policy.Encryption{SSE: policy.SSES3},
			},
		} {
			if !op.Supports(b.Kind) {
				if refusal := policy.NotImplemented(op); refusal.Code != "NotImplemented" {
					t.Errorf("%v in a %v bucket: %v", op, b.Kind, refusal)
				}
				continue
			}
			r := request(op, b.Name, "")
			switch op {
			case policy.DeleteObjects:
				r.Header.(policy.MapFields)["x-amz-checksum-crc32"] = []string{"AAAAAA=="}
			case policy.CopyObject, policy.UploadPartCopy:
				r.Header.(policy.MapFields)["x-amz-copy-source"] = []string{"source/key"}
			}
			if refusal := policy.CheckRequest(op, r); refusal != nil {
				t.Errorf("a plain %v in a %v bucket: %v", op, b.Kind, refusal)
			}
			d, refusal := policy.DecideEncryption(op, r, b, nil, &policy.Options{})
			if refusal != nil || policy.Why(d.Row) == "" {
				t.Errorf("%v in a %v bucket is decided by %q, %v", op, b.Kind, d.Row, refusal)
			}
			needs := policy.ActionsFor(nil, op, b.Kind, b.ARN, r.Key, "")
			if len(needs) == 0 && !(op == policy.DeleteObjects && b.Kind == policy.General) {
				t.Errorf("%v in a %v bucket needs no permission", op, b.Kind)
			}
			for _, need := range needs {
				if !strings.Contains(need.Action, ":") || need.Resource == "" {
					t.Errorf("%v in a %v bucket needs %+v", op, b.Kind, need)
				}
			}
		}
		return true
	})
	if n < 100 {
		t.Errorf("only %d operations", n)
	}
	if policy.Operation(0).String() != "" {
		t.Error("the zero Operation has a name")
	}
}

func TestReadOnlySessionsAllowWhatTheReferenceLists(t *testing.T) {
	want := []string{
		"GetObject", "GetObjectAttributes", "HeadBucket", "HeadObject", "ListMultipartUploads", "ListObjects",
		"ListObjectsV2", "ListParts",
	}
	var got []string
	policy.Operations(func(op policy.Operation) bool {
		if op.AllowedReadOnly() {
			got = append(got, op.String())
		}
		return true
	})
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestBucketNames(t *testing.T) {
	for name, want := range map[string]policy.BucketName{
		"demo--usw2-az1--x-s3":           {Base: "demo", Zone: "usw2-az1", Kind: policy.Directory},
		"my--s3--bucket--abcd-ab1--x-s3": {Base: "my--s3--bucket", Zone: "abcd-ab1", Kind: policy.Directory},
		"1--a--x-s3":                     {Base: "1", Zone: "a", Kind: policy.Directory},
		"plain":                          {Base: "plain", Kind: policy.General},
		"with.dots-and-dashes":           {Base: "with.dots-and-dashes", Kind: policy.General},
		"x-s3":                           {Base: "x-s3", Kind: policy.General},
		"metrics":                        {Base: "metrics", Kind: policy.General},
		strings.Repeat("a", 63):          {Base: strings.Repeat("a", 63), Kind: policy.General},
	} {
		if got, refusal := policy.ParseBucketName(name); refusal != nil || got != want {
			t.Errorf("%s: got %+v, %v", name, got, refusal)
		}
		if policy.KindOf(name) != want.Kind {
			t.Errorf("%s is %v", name, policy.KindOf(name))
		}
	}
	for _, name := range []string{
		"ab", strings.Repeat("a", 64), "-abc", "abc-", "Abc", "a_b", "a..b", ".abc", "127.0.0.1",
		"--x-s3", "a--x-s3", "--usw2-az1--x-s3", "a----x-s3", "a---x-s3", "a.b--az1--x-s3", "xn--abc", "sthree-abc",
		"sthree-configurator-x",
		"amzn-s3-demo-bucket", "abc-s3alias", "abc--ol-s3", "abc.mrap", "ap--az1--xa-s3", "a b", "a\x00b", "é-bucket",
	} {
		if got, refusal := policy.ParseBucketName(name); refusal == nil || refusal.Code != "InvalidBucketName" ||
			got != (policy.BucketName{}) {
			t.Errorf("%q: got %+v, %v", name, got, refusal)
		}
	}
	if policy.KindOf("") != policy.Service || policy.KindOf("--x-s3") != policy.Directory {
		t.Error("kinds follow from the end of the name alone")
	}
}

// Presigned URLs carry headers in the query; they decide like headers, and can't contradict them.
func TestHeadersInTheQueryCount(t *testing.T) {
	r := received(t, "PUT", bucketName+"/k", "X-Amz-Server-Side-Encryption=aws:kms", "")
	if _, refusal := policy.DecideEncryption(policy.PutObject, r, bucket("none"), nil,
		&policy.Options{}); refusal == nil || refusal.Row != "PUT-3" {
		t.Errorf("the header in the query wasn't seen: %v", refusal)
	}
	r = received(t, "PUT", bucketName+"/k", "X-Amz-Server-Side-Encryption=AES256",
		"x-amz-server-side-encryption=aws:kms")
	if refusal := policy.CheckRequest(policy.PutObject, r); refusal == nil || refusal.Row != "H-17" {
		t.Errorf("header and query contradict each other: %v", refusal)
	}
	r = received(t, "PUT", bucketName+"/k", "x-amz-acl=public-read", "")
	if refusal := policy.CheckRequest(policy.PutObject, r); refusal == nil || refusal.Code != "NotImplemented" {
		t.Errorf("the ACL in the query wasn't seen: %v", refusal)
	}
}

func TestNamesOfHeadersCompareWithoutCase(t *testing.T) {
	r := received(t, "PUT", bucketName+"/k", "", "X-AMZ-Server-Side-ENCRYPTION=bad")
	if refusal := policy.CheckRequest(policy.PutObject, r); refusal == nil || refusal.Row != "H-1" {
		t.Errorf("got %v", refusal)
	}
}

func TestResetForgetsTheRequest(t *testing.T) {
	r := received(t, "PUT", bucketName+"/k", "tagging", "x-amz-acl=private")
	if _, refusal := policy.Classify(r); refusal == nil {
		t.Fatal("tagging isn't supported")
	}
	r.Reset()
	r.Method, r.Bucket, r.Key = "PUT", bucketName, "k"
	op, refusal := policy.Classify(r)
	if refusal != nil || op != policy.PutObject || policy.CheckRequest(op, r) != nil {
		t.Errorf("something of the first request is left: %v, %v", op, refusal)
	}
	copied := *r // against the rules, but it must not read into the original
	copied.Reset()
	copied.Method, copied.Bucket, copied.Query = "GET", bucketName, policy.MapFields{"uploads": {""}}
	if op, _ := policy.Classify(&copied); op != policy.ListMultipartUploads {
		t.Errorf("a copied Request was read as %v", op)
	}
}
