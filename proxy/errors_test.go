package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sealfront/sigv4"
)

// errorDocument asserts the shape of an error (7.1) and returns its elements by name.
func errorDocument(t *testing.T, what string, a *answer) map[string]string {
	t.Helper()
	var doc struct {
		XMLName  xml.Name `xml:"Error"`
		Elements []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	elements := make(map[string]string)
	if err := xml.Unmarshal([]byte(a.body), &doc); err != nil || !strings.HasPrefix(a.body, xml.Header+"<Error>") {
		t.Errorf("%s: %d, not an error document (%v): %s", what, a.StatusCode, err, a.body)
		return elements
	}
	for _, e := range doc.Elements {
		elements[e.XMLName.Local] = e.Text
	}
	switch {
	case elements["RequestId"] == "" || elements["RequestId"] != a.Header.Get("x-amz-request-id"), elements["HostId"] == "" || elements["HostId"] != a.Header.Get("x-amz-id-2"):
		t.Errorf("%s: RequestId and HostId differ from the headers: %s, %v", what, a.body, a.Header)
	case elements["Message"] == "" || a.Header.Get("Content-Type") != "application/xml" || a.Header.Get("Server") != "AmazonS3":
		t.Errorf("%s: %v %s", what, a.Header, a.body)
	}
	return elements
}

// 7.1, 7.2: a code each, with its status and elements, in both kinds of buckets; HEAD without body.
func TestErrorsAsTheReferenceHasThem(t *testing.T) {
	t.Parallel()
	p := startEmbedded(t, t.TempDir())
	directory, plain := p.env["SEALFRONT_BUCKET"], makeBucket(t, p.client(t), "plain")
	for _, bucket := range []string{directory, plain} {
		p.put(bucket, "object", "0123456789")
	}
	stranger := &sigv4.Credentials{AccessKeyID: "AKIASTRANGER", SecretAccessKey: "secret"}
	liar := &sigv4.Credentials{AccessKeyID: p.env["AWS_ACCESS_KEY_ID"], SecretAccessKey: "wrong"}
	h := func(pairs ...string) (fields []sigv4.Field) {
		for i := 0; i+1 < len(pairs); i += 2 {
			fields = append(fields, field(pairs[i], pairs[i+1]))
		}
		return fields
	}
	for _, c := range []struct {
		request  rawRequest // path without the bucket, which B stands for
		kind     string     // D, G or both
		status   int
		code     string
		elements string // that must be there, with values where told
	}{
		{rawRequest{method: "GET", path: "/B/nothing"}, "DG", 404, "NoSuchKey", "Key=nothing"},
		{rawRequest{method: "GET", path: "/B/object", header: h("Range", "bytes=10-")}, "DG", 416, "InvalidRange", "ActualObjectSize=10 RangeRequested=bytes=10-"},
		{rawRequest{method: "GET", path: "/B/object", header: h("If-Match", `"other"`)}, "DG", 412, "PreconditionFailed", "Condition=If-Match"},
		{rawRequest{method: "GET", path: "/B/object", query: "partNumber=3"}, "DG", 416, "InvalidPartNumber", "ActualPartCount=1 PartNumberRequested=3"},
		{rawRequest{method: "GET", path: "/B/object", credentials: stranger}, "DG", 403, "InvalidAccessKeyId", "AWSAccessKeyId=AKIASTRANGER"},
		{rawRequest{method: "GET", path: "/B/object", credentials: liar}, "DG", 403, "SignatureDoesNotMatch", "AWSAccessKeyId SignatureProvided"},
		{rawRequest{method: "GET", path: "/B/object", service: "sts"}, "DG", 400, "AuthorizationHeaderMalformed", ""},
		{rawRequest{method: "GET", path: "/nobodys/object"}, "G", 404, "NoSuchBucket", "BucketName=nobodys"},
		{rawRequest{method: "GET", path: "/nobodys--az1--x-s3/object"}, "D", 404, "NoSuchBucket", "BucketName=nobodys--az1--x-s3"},
		{rawRequest{method: "GET", path: "/No_Bucket/object"}, "G", 400, "InvalidBucketName", "BucketName=No_Bucket"},
		{rawRequest{method: "PUT", path: "/" + plain}, "G", 409, "BucketAlreadyOwnedByYou", "BucketName=" + plain},
		{rawRequest{method: "DELETE", path: "/B"}, "DG", 409, "BucketNotEmpty", "BucketName=B"},
		{rawRequest{method: "PUT", path: "/B/new", body: "x", header: h("If-Match", `"sf-0123"`)}, "DG", 404, "NoSuchKey", "Key=new"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("If-None-Match", "*")}, "DG", 412, "PreconditionFailed", "Condition=If-None-Match"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("If-None-Match", `"a"`)}, "DG", 501, "NotImplemented", "Header=If-None-Match"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", hash: hexSum("y")}, "DG", 400, "XAmzContentSHA256Mismatch", "ClientComputedContentSHA256 S3ComputedContentSHA256"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("X-Amz-Checksum-Crc32", "AAAAAA==")}, "DG", 400, "BadDigest", ""},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("Content-Md5", md5of("y"))}, "G", 400, "BadDigest", "ExpectedDigest CalculatedDigest"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("Content-Md5", "short")}, "G", 400, "InvalidDigest", "Content-MD5"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("Content-Md5", md5of("x"))}, "D", 501, "NotImplemented", "Header=Content-MD5"},
		{rawRequest{method: "PUT", path: "/B/object", chunked: true, body: "1\r\nx\r\n0\r\n\r\n"}, "DG", 411, "MissingContentLength", ""},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", declared: 6 << 30}, "DG", 400, "EntityTooLarge", "ProposedSize=6442450944 MaxSizeAllowed"},
		{rawRequest{method: "PUT", path: "/B/" + strings.Repeat("k", 1025), body: "x"}, "DG", 400, "KeyTooLongError", "Size=1025 MaxSizeAllowed=1024"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("X-Amz-Meta-Large", strings.Repeat("m", 2100))}, "DG", 400, "MetadataTooLarge", "Size MaxSizeAllowed"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("X-Amz-Storage-Class", "ATTIC")}, "DG", 400, "InvalidStorageClass", "StorageClassRequested=ATTIC"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256")}, "D", 501, "NotImplemented", "Header"},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256")}, "G", 403, "AccessDenied", ""},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("X-Amz-Expected-Bucket-Owner", "000000000000")}, "DG", 403, "AccessDenied", ""},
		{rawRequest{method: "PUT", path: "/B/object", query: "partNumber=1&uploadId=none", body: "x"}, "DG", 404, "NoSuchUpload", "UploadId=none"},
		{rawRequest{method: "PUT", path: "/B/object", query: "partNumber=0&uploadId=none", body: "x"}, "DG", 400, "InvalidArgument", "ArgumentName=partNumber ArgumentValue=0"},
		{rawRequest{method: "POST", path: "/B/object", query: "uploadId=none", body: "<CompleteMultipartUpload/>"}, "DG", 400, "", ""},
		{rawRequest{method: "POST", path: "/B", query: "delete=", body: "<Delete>", header: h("Content-Md5", md5of("<Delete>"))}, "DG", 400, "MalformedXML", ""},
		{rawRequest{method: "POST", path: "/B", query: "delete=", body: "<", declared: 3 << 20, header: h("Content-Md5", md5of("x"))}, "DG", 400, "MaxMessageLengthExceeded", "MaxMessageLengthBytes=2097152"},
		{rawRequest{method: "PATCH", path: "/B/object"}, "DG", 405, "MethodNotAllowed", "Method=PATCH ResourceType=OBJECT"},
		{rawRequest{method: "GET", path: "/B/%zz"}, "DG", 400, "InvalidURI", "URI"},
		{rawRequest{method: "GET", path: "/B", query: "list-type=2&max-keys=x"}, "DG", 400, "InvalidArgument", "ArgumentName=max-keys ArgumentValue=x"},
		{rawRequest{method: "GET", path: "/B", query: "continuation-token=x&list-type=2"}, "DG", 400, "InvalidArgument", "ArgumentName=continuation-token"},
		{rawRequest{method: "GET", path: "/B", query: "encoding-type=base64&list-type=2"}, "DG", 400, "InvalidArgument", "ArgumentName=encoding-type"},
		{rawRequest{method: "GET", path: "/B", query: "list-type=2&prefix=a"}, "D", 400, "InvalidRequest", ""},
		{rawRequest{method: "GET", path: "/B", query: "versions="}, "D", 501, "NotImplemented", "QueryParameter=versions"},
		{rawRequest{method: "GET", path: "/B/object", query: "versionId=3"}, "D", 400, "InvalidArgument", "ArgumentName=versionId ArgumentValue=3"},
		{rawRequest{method: "PUT", path: "/B/copy", header: h("X-Amz-Copy-Source", "nokey")}, "DG", 400, "InvalidArgument", "ArgumentName"},
		{rawRequest{method: "PUT", path: "/B/copy", header: h("X-Amz-Copy-Source", "/B/nothing")}, "DG", 404, "NoSuchKey", "Key=nothing"},
		{rawRequest{method: "PUT", path: "/B/object", header: h("X-Amz-Copy-Source", "/B/object")}, "DG", 400, "InvalidRequest", ""},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("X-Amz-Write-Offset-Bytes", "3")}, "D", 400, "InvalidWriteOffset", ""},
		{rawRequest{method: "PUT", path: "/B/object", body: "x", header: h("X-Amz-Write-Offset-Bytes", "3")}, "G", 501, "NotImplemented", "Header=x-amz-write-offset-bytes"},
		{rawRequest{method: "PUT", path: "/B", query: "encryption=", body: "<Server"}, "DG", 400, "MalformedXML", ""},
		{rawRequest{method: "PUT", path: "/B", query: "acl=&x-amz-acl=public-read"}, "G", 400, "AccessControlListNotSupported", ""},
		{rawRequest{method: "GET", path: "/B", header: h("X-Amz-Padding", strings.Repeat("p", 20_000))}, "DG", 400, "RequestHeaderSectionTooLarge", "MaxSizeAllowed=16384"},
	} {
		for _, kind := range strings.Split(c.kind, "") {
			bucket := map[string]string{"D": directory, "G": plain}[kind]
			r := c.request
			put := func(s string) string { return strings.Replace(s, "/B", "/"+bucket, 1) }
			r.path, r.header = put(r.path), append([]sigv4.Field(nil), r.header...)
			for i, f := range r.header {
				r.header[i] = field(string(f.Name), put(string(f.Value)))
			}
			what := fmt.Sprintf("%s %.80s?%s %.60s", r.method, r.path, r.query, r.header)
			a := p.do(&r)
			elements := errorDocument(t, what, a)
			if a.StatusCode != c.status || c.code != "" && elements["Code"] != c.code {
				t.Errorf("%s: %d %s, want %d %s", what, a.StatusCode, a.body, c.status, c.code)
				continue
			}
			for _, want := range strings.Fields(c.elements) {
				name, value, told := strings.Cut(strings.ReplaceAll(want, "=B", "="+bucket), "=")
				if c.code == "NotImplemented" && !strings.Contains(strings.ToLower(elements["Message"]), strings.ToLower(value)) {
					t.Errorf("%s: the message %q doesn't say what isn't implemented", what, elements["Message"])
				}
				if got, there := elements[name]; !there || told && got != value {
					t.Errorf("%s: %s in %s", what, want, a.body)
				}
			}
			if r.method != "GET" || len(r.header) > 0 && len(r.header[0].Value) > 10_000 || strings.HasSuffix(r.path, bucket) || strings.Contains(r.query, "versionId") {
				continue
			}
			r.method = "HEAD"
			if a := p.do(&r); a.StatusCode != c.status || a.body != "" || a.bodyErr != nil || a.Header.Get("x-amz-request-id") == "" {
				t.Errorf("HEAD, %s: %d %q %v, want %d and no body", what, a.StatusCode, a.body, a.bodyErr, c.status)
			}
		}
	}
	for _, field := range []string{`"header": "x-amz-write-offset-bytes"`, `"parameter": "versions"`} {
		eventually(t, field+" in the log", func() bool { return strings.Contains(p.stderr.String(), field) })
	}
}

// What the store says in its errors, about itself and about its buckets, is not passed on; nor are its own troubles with
// the proxy taken for the client's.
func TestTheStoresErrorsAreTranslated(t *testing.T) {
	f := newStoreFront(t)
	p := startBehind(t, f, "")
	bucket := makeBucket(t, p.client(t), "plain")
	p.put(bucket, "object", "text")
	const inner = "innermost-bucket.store.internal AKIAINNERMOST"
	for _, c := range []struct {
		told   string // the store's
		status int
		want   int
		codes  string // allowed
	}{
		{"AccessDenied", 403, 500, "InternalError"},
		{"SignatureDoesNotMatch", 403, 500, "InternalError"},
		{"InvalidAccessKeyId", 403, 500, "InternalError"},
		{"RequestTimeTooSkewed", 403, 500, "InternalError"},
		{"ExpiredToken", 400, 500, "InternalError"},
		{"InternalError", 500, 500, "InternalError"},
		{"ServiceUnavailable", 503, 503, "ServiceUnavailable"},
		{"SlowDown", 503, 503, "SlowDown"},
		{"TooManyRequests", 429, 503, "SlowDown"},
		{"BadGateway", 502, 503, "ServiceUnavailable"},
		{"XMinioStorageFull", 507, 503, "ServiceUnavailable"},
		{"NoSuchBucket", 404, 404, "NoSuchBucket"},
		{"PermanentRedirect", 301, 500, "InternalError"},
		{"TemporaryRedirect", 307, 500, "InternalError"},
		{"NotImplemented", 501, 501, "NotImplemented"},
		{"SomethingNew", 418, 500, "InternalError"},
	} {
		f.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "-plain") {
				return false // the proxy's own state
			}
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/xml")
			w.Header().Set("Location", "http://"+inner)
			w.Header().Set("X-Amz-Bucket-Region", "inner-region")
			w.Header().Set("X-Amz-Request-Id", "INNERMOSTID")
			w.WriteHeader(c.status)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>about %s</Message><BucketName>%s</BucketName><Resource>/%s</Resource><RequestId>INNERMOSTID</RequestId></Error>", c.told, inner, inner, inner)
			return true
		}, nil)
		for _, r := range []rawRequest{
			{method: "GET", path: "/" + bucket + "/object"},
			{method: "HEAD", path: "/" + bucket + "/object"},
			{method: "PUT", path: "/" + bucket + "/object", body: "x"},
			{method: "PUT", path: "/" + bucket + "/copy", header: []sigv4.Field{field("X-Amz-Copy-Source", bucket+"/object")}},
			{method: "DELETE", path: "/" + bucket + "/object"},
			{method: "GET", path: "/" + bucket, query: "list-type=2"},
			{method: "GET", path: "/" + bucket, query: "versions="},
			{method: "POST", path: "/" + bucket + "/object", query: "uploads="},
			{method: "GET", path: "/" + bucket + "/object", query: "tagging="},
			{method: "GET", path: "/" + bucket, query: "versioning="},
			{method: "GET", path: "/" + bucket, query: "lifecycle="},
		} {
			what := fmt.Sprintf("%s %s?%s, %d %s", r.method, r.path, r.query, c.status, c.told)
			a := p.do(&r)
			if c.told == "NotImplemented" && a.StatusCode < 500 || c.told == "AccessDenied" && a.StatusCode == 403 && strings.Contains(r.query, "tagging") {
				continue // there is none of what the store doesn't know; what Object Lock forbids is told so
			}
			all := a.body + fmt.Sprint(a.Header)
			if strings.Contains(all, "nnermost") || strings.Contains(all, "INNERMOST") || strings.Contains(all, "inner-region") || strings.Contains(all, "state") {
				t.Errorf("%s: the store's words are passed on: %s", what, all)
			}
			if a.StatusCode != c.want {
				t.Errorf("%s: %d %s, want %d", what, a.StatusCode, a.body, c.want)
			}
			if r.method == "HEAD" {
				if a.body != "" {
					t.Errorf("%s: %s", what, a.body)
				}
				continue
			}
			if got := errorDocument(t, what, a)["Code"]; got != c.codes {
				t.Errorf("%s: %s, want %s", what, got, c.codes)
			}
		}
	}
}
