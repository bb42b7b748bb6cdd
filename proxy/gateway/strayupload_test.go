package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// What is listed can be aborted: an upload that couldn't be begun, and whose name the store wrote after it was removed,
// must not stay in listings for a day and keep a directory bucket from being deleted.
func TestAnUploadThatIsListedCanBeAborted(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	const bucket = "/stray--usw2-az1--x-s3"
	do := func(want int, code string, r *proxytest.Request) *proxytest.Answer {
		t.Helper()
		a := p.Do(r)
		if a.StatusCode != want || a.Code() != code {
			t.Fatalf("%s %s?%s: %d %s, want %d %s", r.Method, r.Path, r.Query, a.StatusCode, a.Text, want, code)
		}
		return a
	}
	do(200, "", &proxytest.Request{
		Method: "PUT", Path: bucket, Service: "s3express",
		Body: strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", "usw2-az1", 1),
	})
	var name string
	f.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "PUT" || !strings.Contains(r.URL.Path, "state/open/") {
			return false
		}
		name = r.URL.Path
		w.WriteHeader(http.StatusInternalServerError)
		return true
	}, nil)
	do(503, "ServiceUnavailable", &proxytest.Request{Method: "POST", Path: bucket + "/key", Query: "uploads="})
	f.Set(nil, nil)
	stateBucket, key, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	direct := proxytest.Service{Endpoint: f.URL, AccessKey: "storekey", SecretKey: "storesecret"}.Direct()
	if _, err := direct.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &stateBucket, Key: &key, Body: strings.NewReader(""), ContentLength: aws.Int64(0),
	}); err != nil {
		t.Fatal(err)
	}

	listed := func() string {
		t.Helper()
		return do(200, "", &proxytest.Request{Method: "GET", Path: bucket, Query: "uploads="}).Text
	}
	id := proxytest.Element(listed(), "UploadId")
	if id == "" {
		t.Fatalf("it isn't listed: %s", listed())
	}
	do(409, "BucketNotEmpty", &proxytest.Request{Method: "DELETE", Path: bucket, Service: "s3express"})
	abort := &proxytest.Request{Method: "DELETE", Path: bucket + "/key", Query: "uploadId=" + id}
	do(404, "NoSuchUpload", &proxytest.Request{Method: "DELETE", Path: bucket + "/key2", Query: "uploadId=" + id})
	do(412, "PreconditionFailed", &proxytest.Request{
		Method: "DELETE", Path: bucket + "/key", Query: "uploadId=" + id,
		Header: []sigv4.Field{proxytest.Field("x-amz-if-match-initiated-time", "Mon, 01 Jan 2024 00:00:00 GMT")},
	})
	do(204, "", abort)
	if text := listed(); strings.Contains(text, "<Upload>") {
		t.Errorf("it is still listed: %s", text)
	}
	do(404, "NoSuchUpload", abort)
	do(204, "", &proxytest.Request{Method: "DELETE", Path: bucket, Service: "s3express"})
}
