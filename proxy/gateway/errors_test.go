package gateway_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// errorDocument asserts the shape of an error (7.1) and returns its elements by name.
func errorDocument(t *testing.T, what string, a *proxytest.Answer) map[string]string {
	t.Helper()
	var doc struct {
		XMLName  xml.Name `xml:"Error"`
		Elements []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	elements := make(map[string]string)
	if err := xml.Unmarshal([]byte(a.Text), &doc); err != nil || !strings.HasPrefix(a.Text, xml.Header+"<Error>") {
		t.Errorf("%s: %d, not an error document (%v): %s", what, a.StatusCode, err, a.Text)
		return elements
	}
	for _, e := range doc.Elements {
		elements[e.XMLName.Local] = e.Text
	}
	switch {
	case elements["RequestId"] == "" || elements["RequestId"] != a.Header.Get("x-amz-request-id"),
		elements["HostId"] == "" || elements["HostId"] != a.Header.Get("x-amz-id-2"):
		t.Errorf("%s: RequestId and HostId differ from the headers: %s, %v", what, a.Text, a.Header)
	case elements["Message"] == "" || a.Header.Get("Content-Type") != "application/xml" ||
		a.Header.Get("Server") != "AmazonS3":
		t.Errorf("%s: %v %s", what, a.Header, a.Text)
	}
	return elements
}

// 7.1, 7.2: a code each, with its status and elements, in both kinds of buckets; HEAD without body.
func TestErrorsAsTheReferenceHasThem(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	directory, plain := p.Env["SEALFRONT_BUCKET"], proxytest.MakeBucket(t, p.Client(t), "plain")
	for _, bucket := range []string{directory, plain} {
		p.Put(bucket, "object", "0123456789")
	}
	stranger := &sigv4.Credentials{AccessKeyID: "AKIASTRANGER", SecretAccessKey: "secret"}
	liar := &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: "wrong"}
	h := func(pairs ...string) (fields []sigv4.Field) {
		for i := 0; i+1 < len(pairs); i += 2 {
			fields = append(fields, proxytest.Field(pairs[i], pairs[i+1]))
		}
		return fields
	}
	for _, c := range []struct {
		request  proxytest.Request // path without the bucket, which B stands for
		kind     string            // D, G or both
		status   int
		code     string
		elements string // that must be there, with values where told
	}{
		{proxytest.Request{Method: "GET", Path: "/B/nothing"}, "DG", 404, "NoSuchKey", "Key=nothing"},
		{
			proxytest.Request{Method: "GET", Path: "/B/object", Header: h("Range", "bytes=10-")},
			"DG", 416,
			"InvalidRange", "ActualObjectSize=10 RangeRequested=bytes=10-",
		},
		{
			proxytest.Request{Method: "GET", Path: "/B/object", Header: h("If-Match", `"other"`)},
			"DG", 412,
			"PreconditionFailed", "Condition=If-Match",
		},
		{
			proxytest.Request{Method: "GET", Path: "/B/object", Query: "partNumber=3"},
			"DG", 416, "InvalidPartNumber",
			"ActualPartCount=1 PartNumberRequested=3",
		},
		{
			proxytest.Request{Method: "GET", Path: "/B/object", Credentials: stranger},
			"DG", 403, "InvalidAccessKeyId",
			"AWSAccessKeyId=AKIASTRANGER",
		},
		{
			proxytest.Request{Method: "GET", Path: "/B/object", Credentials: liar},
			"DG", 403, "SignatureDoesNotMatch",
			"AWSAccessKeyId SignatureProvided",
		},
		{
			proxytest.Request{Method: "GET", Path: "/B/object", Service: "sts"},
			"DG", 400, "AuthorizationHeaderMalformed",
			"",
		},
		{proxytest.Request{Method: "GET", Path: "/nobodys/object"}, "G", 404, "NoSuchBucket", "BucketName=nobodys"},
		{
			proxytest.Request{Method: "GET", Path: "/nobodys--az1--x-s3/object"},
			"D", 404, "NoSuchBucket",
			"BucketName=nobodys--az1--x-s3",
		},
		{
			proxytest.Request{Method: "GET", Path: "/No_Bucket/object"},
			"G", 400, "InvalidBucketName",
			"BucketName=No_Bucket",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/" + plain},
			"G", 409, "BucketAlreadyOwnedByYou",
			"BucketName=" + plain,
		},
		{proxytest.Request{Method: "DELETE", Path: "/B"}, "DG", 409, "BucketNotEmpty", "BucketName=B"},
		{
			proxytest.Request{Method: "PUT", Path: "/B/new", Body: "x", Header: h("If-Match", `"sf-0123"`)},
			"DG", 404,
			"NoSuchKey", "Key=new",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Header: h("If-None-Match", "*")},
			"DG", 412,
			"PreconditionFailed", "Condition=If-None-Match",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Header: h("If-None-Match", `"a"`)},
			"DG", 501,
			"NotImplemented", "Header=If-None-Match",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Hash: proxytest.HexSum("y")},
			"DG", 400,
			"XAmzContentSHA256Mismatch", "ClientComputedContentSHA256 S3ComputedContentSHA256",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Header: h("X-Amz-Checksum-Crc32", "AAAAAA==")},
			"DG", 400, "BadDigest", "",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Header: h("Content-Md5", proxytest.MD5("y"))},
			"G", 400, "BadDigest", "ExpectedDigest CalculatedDigest",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Header: h("Content-Md5", "short")},
			"G", 400,
			"InvalidDigest", "Content-MD5",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Header: h("Content-Md5", proxytest.MD5("x"))},
			"D", 501, "NotImplemented", "Header=Content-MD5",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Chunked: true, Body: "1\r\nx\r\n0\r\n\r\n"},
			"DG", 411,
			"MissingContentLength", "",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Declared: 6 << 30},
			"DG", 400, "EntityTooLarge",
			"ProposedSize=6442450944 MaxSizeAllowed",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/" + strings.Repeat("k", 1025), Body: "x"},
			"DG", 400,
			"KeyTooLongError", "Size=1025 MaxSizeAllowed=1024",
		},
		{
			proxytest.Request{
				Method: "PUT", Path: "/B/object", Body: "x",
				Header: h("X-Amz-Meta-Large", strings.Repeat("m", 2100)),
			},
			"DG", 400, "MetadataTooLarge",
			"Size MaxSizeAllowed",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Header: h("X-Amz-Storage-Class", "ATTIC")},
			"DG", 400, "InvalidStorageClass", "StorageClassRequested=ATTIC",
		},
		{
			proxytest.Request{
				Method: "PUT", Path: "/B/object", Body: "x",
				Header: h("X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256"),
			},
			"D", 501, "NotImplemented",
			"Header",
		},
		{proxytest.Request{
			Method: "PUT", Path: "/B/object", Body: "x",
			Header: h("X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256"),
		}, "G", 403, "AccessDenied", ""},
		{proxytest.Request{
			Method: "PUT", Path: "/B/object", Body: "x",
			Header: h("X-Amz-Expected-Bucket-Owner", "000000000000"),
		}, "DG", 403, "AccessDenied", ""},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Query: "partNumber=1&uploadId=none", Body: "x"},
			"DG", 404,
			"NoSuchUpload", "UploadId=none",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Query: "partNumber=0&uploadId=none", Body: "x"},
			"DG", 400,
			"InvalidArgument", "ArgumentName=partNumber ArgumentValue=0",
		},
		{proxytest.Request{
			Method: "POST", Path: "/B/object", Query: "uploadId=none",
			Body: "<CompleteMultipartUpload/>",
		}, "DG", 400, "", ""},
		{proxytest.Request{
			Method: "POST", Path: "/B", Query: "delete=", Body: "<Delete>",
			Header: h("Content-Md5", proxytest.MD5("<Delete>")),
		}, "DG", 400, "MalformedXML", ""},
		{
			proxytest.Request{
				Method: "POST", Path: "/B", Query: "delete=", Body: "<", Declared: 3 << 20,
				Header: h("Content-Md5", proxytest.MD5("x")),
			},
			"DG", 400, "MaxMessageLengthExceeded",
			"MaxMessageLengthBytes=2097152",
		},
		{
			proxytest.Request{Method: "PATCH", Path: "/B/object"},
			"DG", 405, "MethodNotAllowed",
			"Method=PATCH ResourceType=OBJECT",
		},
		{proxytest.Request{Method: "GET", Path: "/B/%zz"}, "DG", 400, "InvalidURI", "URI"},
		{
			proxytest.Request{Method: "GET", Path: "/B", Query: "list-type=2&max-keys=x"},
			"DG", 400, "InvalidArgument",
			"ArgumentName=max-keys ArgumentValue=x",
		},
		{
			proxytest.Request{Method: "GET", Path: "/B", Query: "continuation-token=x&list-type=2"},
			"DG", 400,
			"InvalidArgument", "ArgumentName=continuation-token",
		},
		{
			proxytest.Request{Method: "GET", Path: "/B", Query: "encoding-type=base64&list-type=2"},
			"DG", 400,
			"InvalidArgument", "ArgumentName=encoding-type",
		},
		{proxytest.Request{Method: "GET", Path: "/B", Query: "list-type=2&prefix=a"}, "D", 400, "InvalidRequest", ""},
		{
			proxytest.Request{Method: "GET", Path: "/B", Query: "versions="},
			"D", 501, "NotImplemented",
			"QueryParameter=versions",
		},
		{
			proxytest.Request{Method: "GET", Path: "/B/object", Query: "versionId=3"},
			"D", 400, "InvalidArgument",
			"ArgumentName=versionId ArgumentValue=3",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/copy", Header: h("X-Amz-Copy-Source", "nokey")},
			"DG", 400,
			"InvalidArgument", "ArgumentName",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/copy", Header: h("X-Amz-Copy-Source", "/B/nothing")},
			"DG", 404,
			"NoSuchKey", "Key=nothing",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Header: h("X-Amz-Copy-Source", "/B/object")},
			"DG", 400,
			"InvalidRequest", "",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Header: h("X-Amz-Write-Offset-Bytes", "3")},
			"D", 400, "InvalidWriteOffset", "",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B/object", Body: "x", Header: h("X-Amz-Write-Offset-Bytes", "3")},
			"G", 501, "NotImplemented", "Header=x-amz-write-offset-bytes",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B", Query: "encryption=", Body: "<Server"},
			"DG", 400, "MalformedXML",
			"",
		},
		{
			proxytest.Request{Method: "PUT", Path: "/B", Query: "acl=&x-amz-acl=public-read"},
			"G", 400,
			"AccessControlListNotSupported", "",
		},
		{
			proxytest.Request{Method: "GET", Path: "/B", Header: h("X-Amz-Padding", strings.Repeat("p", 20_000))},
			"DG",
			400, "RequestHeaderSectionTooLarge", "MaxSizeAllowed=16384",
		},
	} {
		for _, kind := range strings.Split(c.kind, "") {
			bucket := map[string]string{"D": directory, "G": plain}[kind]
			r := c.request
			put := func(s string) string { return strings.Replace(s, "/B", "/"+bucket, 1) }
			r.Path, r.Header = put(r.Path), append([]sigv4.Field(nil), r.Header...)
			for i, f := range r.Header {
				r.Header[i] = proxytest.Field(string(f.Name), put(string(f.Value)))
			}
			what := fmt.Sprintf("%s %.80s?%s %.60s", r.Method, r.Path, r.Query, r.Header)
			a := p.Do(&r)
			elements := errorDocument(t, what, a)
			if a.StatusCode != c.status || c.code != "" && elements["Code"] != c.code {
				t.Errorf("%s: %d %s, want %d %s", what, a.StatusCode, a.Text, c.status, c.code)
				continue
			}
			for _, want := range strings.Fields(c.elements) {
				name, value, told := strings.Cut(strings.ReplaceAll(want, "=B", "="+bucket), "=")
				if c.code == "NotImplemented" &&
					!strings.Contains(strings.ToLower(elements["Message"]), strings.ToLower(value)) {
					t.Errorf("%s: the message %q doesn't say what isn't implemented", what, elements["Message"])
				}
				if got, there := elements[name]; !there || told && got != value {
					t.Errorf("%s: %s in %s", what, want, a.Text)
				}
			}
			if r.Method != "GET" || len(r.Header) > 0 && len(r.Header[0].Value) > 10_000 ||
				strings.HasSuffix(r.Path, bucket) || strings.Contains(r.Query, "versionId") {
				continue
			}
			r.Method = "HEAD"
			if a := p.Do(&r); a.StatusCode != c.status || a.Text != "" || a.Err != nil ||
				a.Header.Get("x-amz-request-id") == "" {
				t.Errorf("HEAD, %s: %d %q %v, want %d and no body", what, a.StatusCode, a.Text, a.Err, c.status)
			}
		}
	}
	for _, field := range []string{`"header": "x-amz-write-offset-bytes"`, `"parameter": "versions"`} {
		proxytest.Eventually(t, field+" in the log", func() bool { return strings.Contains(p.Stderr.String(), field) })
	}
}

// What the store says in its errors, about itself and about its buckets, is not passed on; nor are its own troubles
// with the proxy taken for the client's.
func TestTheStoresErrorsAreTranslated(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	bucket := proxytest.MakeBucket(t, p.Client(t), "plain")
	p.Put(bucket, "object", "text")
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
		f.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "-plain") {
				return false // the proxy's own state
			}
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/xml")
			w.Header().Set("Location", "http://"+inner)
			w.Header().Set("X-Amz-Bucket-Region", "inner-region")
			w.Header().Set("X-Amz-Request-Id", "INNERMOSTID")
			w.WriteHeader(c.status)
			fmt.Fprintf(w,
				"<Error><Code>%s</Code><Message>about "+
					"%s</Message><BucketName>%s</BucketName><Resource>/%s</Resource><RequestId>INNERMOSTID</RequestId></Error>",
				c.told, inner, inner, inner)
			return true
		}, nil)
		for _, r := range []proxytest.Request{
			{Method: "GET", Path: "/" + bucket + "/object"},
			{Method: "HEAD", Path: "/" + bucket + "/object"},
			{Method: "PUT", Path: "/" + bucket + "/object", Body: "x"},
			{
				Method: "PUT", Path: "/" + bucket + "/copy",
				Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", bucket+"/object")},
			},
			{Method: "DELETE", Path: "/" + bucket + "/object"},
			{Method: "GET", Path: "/" + bucket, Query: "list-type=2"},
			{Method: "GET", Path: "/" + bucket, Query: "versions="},
			{Method: "POST", Path: "/" + bucket + "/object", Query: "uploads="},
			{Method: "GET", Path: "/" + bucket + "/object", Query: "tagging="},
			{Method: "GET", Path: "/" + bucket, Query: "versioning="},
			{Method: "GET", Path: "/" + bucket, Query: "lifecycle="},
		} {
			what := fmt.Sprintf("%s %s?%s, %d %s", r.Method, r.Path, r.Query, c.status, c.told)
			a := p.Do(&r)
			if c.told == "NotImplemented" && a.StatusCode < 500 || c.told == "AccessDenied" && a.StatusCode == 403 &&
				strings.Contains(r.Query, "tagging") {
				continue // there is none of what the store doesn't know; what Object Lock forbids is told so
			}
			all := a.Text + fmt.Sprint(a.Header)
			if strings.Contains(all, "nnermost") || strings.Contains(all, "INNERMOST") ||
				strings.Contains(all, "inner-region") || strings.Contains(all, "state") {
				t.Errorf("%s: the store's words are passed on: %s", what, all)
			}
			if a.StatusCode != c.want {
				t.Errorf("%s: %d %s, want %d", what, a.StatusCode, a.Text, c.want)
			}
			if r.Method == "HEAD" {
				if a.Text != "" {
					t.Errorf("%s: %s", what, a.Text)
				}
				continue
			}
			if got := errorDocument(t, what, a)["Code"]; got != c.codes {
				t.Errorf("%s: %s, want %s", what, got, c.codes)
			}
		}
	}
}
