package access_test

import (
	"testing"

	"sealfront/policy"
	"sealfront/proxy/access"
)

const js = "User-Agent: aws-sdk-js/3.0.0"

func TestBucketAndKeyAreFoundInHostAndPath(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.Domains = []string{"example.com", "s3.example.com."} })
	for _, c := range []struct {
		name, host, path, header string
		bucket, key, code        string
	}{
		{"the service", "192.0.2.9", "/", "", "", "", ""},
		{"a bucket", "192.0.2.9:8443", "/plain", "", "plain", "", ""},
		{"a bucket with a slash", "localhost", "/plain/", "", "plain", "", ""},
		{"a key", "localhost", "/plain/a/b%20c%2Bd+e", "", "plain", "a/b c+d+e", ""},
		{"a key that ends in a slash", "localhost", "/plain/a/", "", "plain", "a/", ""},
		{"a slash that is escaped", "localhost", "/plain%2Fa", "", "plain", "a", ""},
		{"a bucket in the host", "plain.s3.example.com", "/a/b", "", "plain", "a/b", ""},
		{"a bucket in the host, with a port", "plain.s3.example.com:8443", "/a", "", "plain", "a", ""},
		{
			"a bucket in the host, in capitals and with the root's dot", "Plain.S3.Example.COM.", "/a", "", "plain",
			"a",
			"",
		},
		{"a bucket in the host, without a key", "plain.s3.example.com", "/", "", "plain", "", ""},
		{"below the shorter domain", "plain.example.com", "/a", "", "plain", "a", ""},
		{"the longer domain itself", "s3.example.com", "/plain/a", "", "plain", "a", ""},
		{"the shorter domain itself", "EXAMPLE.com:8443", "/plain/a", "", "plain", "a", ""},
		{"a domain that only ends so", "notexample.com", "/plain/a", "", "plain", "a", ""},
		{"a host that only begins with a dot", ".example.com", "/plain/a", "", "plain", "a", ""},
		{"a name with a dot", "a.b.s3.example.com", "/k", "", "a.b", "k", "NoSuchBucket"},
		{"no bucket, but a path", "localhost", "//a", "", "", "", "InvalidBucketName"},
		{"an escape that isn't one", "localhost", "/plain/%zz", "", "", "", "InvalidURI"},
		{"bytes that aren't UTF-8", "localhost", "/plain/%ff", "", "", "", "InvalidURI"},
		{"a zero byte", "localhost", "/plain/a%00", "", "", "", "InvalidURI"},
		{"no slash", "localhost", "plain", "", "", "", "InvalidURI"},
		{"nothing", "localhost", "", "", "", "", "InvalidURI"},
		{
			"a slash that a JavaScript client doubles", "192.0.2.9", "/never--az1--x-s3//a", js, "never--az1--x-s3",
			"a",
			"",
		},
		{
			"a slash that another client doubles", "192.0.2.9", "/never--az1--x-s3//a", "User-Agent: other",
			"never--az1--x-s3", "/a", "",
		},
		{"two slashes behind a directory bucket", "192.0.2.9", "/never--az1--x-s3//", "", "never--az1--x-s3", "", ""},
		{"a slash that a JavaScript client doubles elsewhere", "192.0.2.9", "/plain//a", js, "plain", "/a", ""},
	} {
		r := &request{method: "HEAD", path: c.path, who: "all", header: []string{"Host: " + c.host}}
		if c.header != "" {
			r.header = append(r.header, c.header)
		}
		if c.bucket == "" && c.code == "" {
			r.method = "GET" // ListBuckets
		}
		if policy.KindOf(c.bucket) == policy.Directory {
			// Objects there need a session for most operations; where they are is found before that.
			r.service = "s3express"
		}
		x, err := g.check(r)
		if code, _ := codeOf(t, err); policy.KindOf(c.bucket) != policy.Directory && code != c.code {
			t.Errorf("%s: %q (%v), want %q", c.name, code, err, c.code)
		}
		if x.Bucket != c.bucket || x.Key != c.key {
			t.Errorf("%s: bucket %q, key %q, want %q and %q", c.name, x.Bucket, x.Key, c.bucket, c.key)
		}
	}
}

// Calls of S3 Control are known by their path, and below one of our domains, where that may be an object's, by their
// header, too.
func TestCallsOfS3ControlAreAboutTheBucketTheyName(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.Domains = []string{"example.com"} })
	const path, account = "/v20180820/tags/arn:aws:s3:::plain", "X-Amz-Account-Id: " + testAccount
	for _, c := range []struct {
		name, host  string
		header      []string
		bucket, key string
		control     bool
	}{
		{"path style", "localhost", []string{account}, "plain", "", true},
		{"below a domain, with the account", "123456789012.example.com", []string{account}, "plain", "", true},
		{"below a domain, without the account", "plain.example.com", nil, "plain", path[1:], false},
	} {
		r := &request{method: "GET", path: path, who: "all", header: append([]string{"Host: " + c.host}, c.header...)}
		x := g.want(c.name, r, "")
		if x.Bucket != c.bucket || x.Key != c.key || (x.Control.Kind != "") != c.control {
			t.Errorf("%s: bucket %q, key %q, control %+v", c.name, x.Bucket, x.Key, x.Control)
		}
		if want := map[bool]policy.Operation{
			true:  policy.ListTagsForResource,
			false: policy.GetObject,
		}[c.control]; x.Operation != want {
			t.Errorf("%s: %v, want %v", c.name, x.Operation, want)
		}
	}
}

func TestAVersionIsThatOfAGeneralPurposeBucket(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	for path, want := range map[string]string{"/plain/key": "v", "/never--az1--x-s3/key": ""} {
		x, _ := g.check(&request{method: "GET", path: path, query: "versionId=v", who: "all"})
		if x.Version != want {
			t.Errorf("%s: version %q, want %q", path, x.Version, want)
		}
	}
	if x := g.want("the tags of a bucket", &request{method: "GET", path: "/plain", query: "tagging=", who: "all"},
		""); x.Version != "" {
		t.Errorf("a bucket has the version %q", x.Version)
	}
}

func TestRequestsThatAreCarriedOutNowhereAreRefused(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	for _, c := range []struct {
		name string
		r    request
		code string
	}{
		{"an operation that isn't served", request{method: "GET", path: "/plain"}, "NotImplemented"}, // ListObjects
		{
			"an operation that S3 has and rules don't",
			request{method: "PUT", path: "/plain", query: "website="},
			"NotImplemented",
		},
		{
			"a header that promises what nobody does",
			request{method: "GET", path: "/plain/key", header: []string{"x-amz-server-side-encryption-unheard-of: 1"}},
			"NotImplemented",
		},
		{"the state bucket", request{method: "GET", path: "/state/key"}, "NoSuchBucket"},
		{"an object whose name the store garbles", request{method: "PUT", path: "/plain/garbled"}, "InvalidURI"},
		{"reading such an object", request{method: "GET", path: "/plain/garbled"}, ""},
		{"a framed body that isn't", request{
			method: "PUT", path: "/plain/key",
			header: []string{"Content-Encoding: gzip, AWS-Chunked"},
		}, "InvalidArgument"},
		{"such a part", request{
			method: "PUT", path: "/plain/key", query: "partNumber=1&uploadId=u",
			header: []string{"Content-Encoding: aws-chunked"},
		}, "InvalidArgument"},
		{"a body of another coding", request{
			method: "PUT", path: "/plain/key",
			header: []string{"Content-Encoding: gzip"},
		}, ""},
		{"an alias that KMS knows", request{
			method: "PUT", path: "/plain/key",
			header: []string{kms, keyID + "alias/one"},
		}, ""},
		{"a POST to a bucket that is no form", request{method: "POST", path: "/plain"}, "PreconditionFailed"},
		{"a form, where none is taken", request{method: "POST", path: "/plain", form: true}, "MethodNotAllowed"},
	} {
		c.r.who = "all"
		g.want(c.name, &c.r, c.code)
	}
	x := g.want("an alias that KMS knows",
		&request{method: "PUT", path: "/plain/key", who: "all", header: []string{kms, keyID + "alias/one"}}, "")
	if x.Decision.Encryption.KeyARN != keyOne {
		t.Errorf("sealed under %+v", x.Decision.Encryption)
	}
	y := g.read(&request{method: "PUT", path: "/plain/key", who: "all", header: []string{kms, keyID + "alias/two"}})
	if err := y.Check(t.Context()); err == nil || err.Error() != "no such alias" {
		t.Errorf("an alias that KMS doesn't know: %v", err)
	}
	// A key that an alias names is one that the caller needs permissions for.
	g.want("an alias without permissions",
		&request{method: "PUT", path: "/plain/key", who: "keyless", header: []string{kms, keyID + "alias/one"}},
		"AccessDenied")
}
