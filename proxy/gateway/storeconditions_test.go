package gateway_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// What a store can't be trusted to judge is judged here: dates, whose fractions of a second a store may compare, and
// the ETag of an object that there isn't. And what it costs: requests to the store.
func TestConditionsThatStoresMisjudge(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/general"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/general/key", Body: "0123456789"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	head := p.Do(&proxytest.Request{Method: "HEAD", Path: "/general/key"})
	etag, date := head.Header.Get("Etag"), head.Header.Get("Last-Modified")
	is, err := http.ParseTime(date)
	if err != nil {
		t.Fatal(err)
	}
	before := is.Add(-time.Second).Format(http.TimeFormat)
	for _, c := range []struct {
		name, method string
		header       []string
		status       int
		code, asked  string // of the store
	}{
		{"modified since its date", "GET", []string{"If-Modified-Since", date}, 304, "", "HEAD"},
		{"modified since its date", "HEAD", []string{"If-Modified-Since", date}, 304, "", "HEAD"},
		{"modified since before", "GET", []string{"If-Modified-Since", before}, 200, "", "HEAD GET"},
		{"unmodified since its date", "GET", []string{"If-Unmodified-Since", date}, 200, "", "HEAD GET"},
		{"unmodified since before", "GET", []string{"If-Unmodified-Since", before}, 412, "PreconditionFailed", "HEAD"},
		{
			"the ETag outweighs the date", "GET",
			[]string{"If-Match", etag, "If-Unmodified-Since", before},
			200, "",
			"GET",
		},
		{"a date before a range", "GET", []string{"If-Modified-Since", date, "Range", "bytes=99-"}, 304, "", "HEAD"},
		{"no date", "GET", []string{"If-Modified-Since", "yesterday"}, 200, "", "HEAD GET"},
		{
			"If-Range of another object", "HEAD",
			[]string{"If-Range", `"another"`, "Range", "bytes=0-1"},
			200, "",
			"HEAD",
		},
		{"deletion of another object", "DELETE", []string{"If-Match", `"another"`}, 412, "PreconditionFailed", "HEAD"},
	} {
		f.Seen()
		r := &proxytest.Request{Method: c.method, Path: "/general/key"}
		for pair := range slices.Chunk(c.header, 2) {
			r.Header = append(r.Header, proxytest.Field(pair[0], pair[1]))
		}
		a := p.Do(r)
		var asked []string
		for _, r := range f.Seen() {
			if strings.HasSuffix(r.URL.Path, "/key") {
				asked = append(asked, r.Method)
				if r.Header.Get("If-Modified-Since")+r.Header.Get("If-Unmodified-Since") != "" {
					t.Errorf("%s %s: the store was asked about a date", c.method, c.name)
				}
			}
		}
		if a.StatusCode != c.status || a.Code() != c.code || strings.Join(asked, " ") != c.asked {
			t.Errorf("%s %s: %d %s after %v, want %d %s after %s", c.method, c.name, a.StatusCode, a.Code(), asked,
				c.status, c.code, c.asked)
		}
		if c.status == 304 && (a.Header.Get("Etag") != etag || a.Text != "") {
			t.Errorf("%s %s: 304 with the ETag %s and the body %q", c.method, c.name, a.Header.Get("Etag"), a.Text)
		}
	}
	missing := p.Do(&proxytest.Request{
		Method: "DELETE", Path: "/general/missing",
		Header: []sigv4.Field{proxytest.Field("If-Match", etag)},
	})
	if missing.StatusCode != 404 || missing.Code() != "NoSuchKey" {
		t.Errorf("deletion of what isn't there by its ETag: %d %s", missing.StatusCode, missing.Code())
	}
	if a := p.Do(&proxytest.Request{
		Method: "DELETE", Path: "/general/key",
		Header: []sigv4.Field{proxytest.Field("If-Match", etag)},
	}); a.StatusCode != 204 {
		t.Errorf("deletion by the ETag: %d %s", a.StatusCode, a.Text)
	}
	p.MustNotExist("general", "key")
}

// Row T-2: why Signature Version 2 is refused depends on the bucket's default. A bucket that there isn't looks like one
// of SSE-S3.
func TestSignatureVersion2IsRefusedByTheBucketsDefault(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/aes--local-az1--x-s3", Service: "s3express",
		Body: proxytest.DirectoryBucketDocument,
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	for bucket, code := range map[string]string{
		p.Env["SEALFRONT_BUCKET"]: "InvalidArgument", "aes--local-az1--x-s3": "InvalidRequest",
		"none--local-az1--x-s3": "InvalidRequest", "general": "InvalidRequest",
	} {
		for name, get := range map[string]func() (*http.Response, error){
			"header": func() (*http.Response, error) {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
					p.Env["AWS_ENDPOINT_URL"]+"/"+bucket+"/key", nil)
				if err != nil {
					return nil, err
				}
				r.Header.Set("Authorization", "AWS AKIA:c2lnbmF0dXJl")
				return p.HTTPClient(t).Do(r)
			},
			"query": func() (*http.Response, error) {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
					p.Env["AWS_ENDPOINT_URL"]+"/"+bucket+"/key?AWSAccessKeyId=AKIA&Expires=1&Signature=x", nil)
				if err != nil {
					return nil, err
				}
				return p.HTTPClient(t).Do(r)
			},
		} {
			resp, err := get()
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			_ = resp.Write(&text)
			_ = resp.Body.Close()
			if resp.StatusCode != 400 || !strings.Contains(text.String(), "<Code>"+code+"</Code>") {
				t.Errorf("%s, %s: %s, want 400 %s", bucket, name, text.String(), code)
			}
		}
	}
}
