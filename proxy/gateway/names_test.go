package gateway_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
	"sealfront/sigv4"
)

// onEveryStore runs f on the embedded store, on versitygw with versions, and on MinIO, with a general purpose bucket
// and a directory bucket.
func onEveryStore(t *testing.T, f func(t *testing.T, p *proxytest.Program, general, directory string)) {
	t.Helper()
	for name, start := range map[string]func(*testing.T) *proxytest.Program{
		"embedded": func(t *testing.T) *proxytest.Program { return proxytest.StartEmbedded(t, t.TempDir()) },
		"versitygw": func(t *testing.T) *proxytest.Program {
			return proxytest.StartOn(t, proxytest.StartVersioningVersitygw(t), proxytest.StartLocalKMS(t))
		},
		"minio": func(t *testing.T) *proxytest.Program {
			return proxytest.StartOn(t, proxytest.StartMinIO(t), proxytest.StartLocalKMS(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			directory := p.Env["SEALFRONT_BUCKET"]
			if directory == "" {
				directory = proxytest.MakeDirectoryBucket(t, p.Client(t), p.Env["SEALFRONT_KMS_KEY"])
			}
			f(t, p, proxytest.MakeBucket(t, p.Client(t), "general"), directory)
		})
	}
}

// What no store here can hold is refused by whatever would make it, before its body, and is not there.
func TestNamesThatCannotBe(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, p *proxytest.Program, general, directory string) {
		p.Put(general, "source", "body")
		p.Put(directory, "source", "body")
		p.Put(general, "q", "body")
		for _, bucket := range []string{general, directory} {
			for _, key := range []string{"rc//", "a//b", "a/../b", "a/./b", strings.Repeat("n", 256)} {
				path := "/" + bucket + "/" + escaped(key)
				if bucket == directory && key == "rc//" {
					continue // CreateMultipartUpload and the like refuse a slash at the end by other words there
				}
				for what, r := range map[string]*proxytest.Request{
					"PutObject":             {Method: "PUT", Path: path, Body: "x"},
					"CreateMultipartUpload": {Method: "POST", Path: path, Query: "uploads="},
					"CopyObject": {
						Method: "PUT", Path: path,
						Header: fieldsOf("x-amz-copy-source", bucket+"/source"),
					},
				} {
					if a := p.Do(r); a.StatusCode != 400 || a.Code() != "InvalidURI" ||
						proxytest.Element(a.Text, "RequestId") == "" {
						t.Errorf("%s of %s/%.20q: %d %s", what, bucket, key, a.StatusCode, a.Text)
					}
				}
				for method, status := range map[string]int{"GET": 404, "HEAD": 404, "DELETE": 204} {
					a := p.Do(&proxytest.Request{Method: method, Path: path})
					if a.StatusCode != status || method == "GET" && a.Code() != "NoSuchKey" {
						t.Errorf("%s of %s/%.20q: %d %s", method, bucket, key, a.StatusCode, a.Text)
					}
				}
				if a := p.Do(&proxytest.Request{
					Method: "DELETE", Path: path,
					Header: fieldsOf("If-Match", "*"),
				}); a.StatusCode != 404 {
					t.Errorf("DELETE If-Match: * of %s/%.20q: %d %s", bucket, key, a.StatusCode, a.Text)
				}
				if a := p.CopyOf(bucket+"/"+escaped(key), bucket+"/copy"); a.StatusCode != 404 ||
					a.Code() != "NoSuchKey" {
					t.Errorf("a copy from %s/%.20q: %d %s", bucket, key, a.StatusCode, a.Text)
				}
			}
			var list strings.Builder
			for _, key := range []string{"a//b", "a/../b", "q"} {
				list.WriteString("<Object><Key>" + key + "</Key></Object>")
			}
			document := "<Delete>" + list.String() + "</Delete>"
			sum := md5.Sum([]byte(document))
			a := p.Do(&proxytest.Request{
				Method: "POST", Path: "/" + bucket, Query: "delete=", Body: document,
				Header: fieldsOf("Content-MD5", base64.StdEncoding.EncodeToString(sum[:])),
			})
			if a.StatusCode != 200 || strings.Count(a.Text, "<Deleted>") != 3 {
				t.Errorf("DeleteObjects: %d %s", a.StatusCode, a.Text)
			}
		}
		for _, key := range []string{"a//b", "a/./b"} {
			if a := p.Rename(directory, "source", key); a.StatusCode != 400 || a.Code() != "InvalidURI" {
				t.Errorf("a rename to %q: %d %s", key, a.StatusCode, a.Text)
			}
		}
		// A store's own directories, and names that it takes for others.
		for _, key := range []string{
			".sgwtmp/x", ".sgwtmp/multipart", "a/.sgwtmp", "d__XLDIR__", "x/.. ", "x/ ..",
			"a/. /b", `a\..\b`,
		} {
			path := "/" + general + "/" + escaped(key)
			switch a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: "x"}); {
			case a.StatusCode == 200:
				if listed := p.Do(&proxytest.Request{
					Method: "GET", Path: "/" + general,
					Query: "encoding-type=url&list-type=2&prefix=" + url.QueryEscape(key),
				}); strings.Count(listed.Text,
					"<Key>") != 1 {
					t.Errorf("PUT of %q is 200, and it isn't listed: %s", key, listed.Text)
				}
			case a.StatusCode != 400 || a.Code() != "InvalidURI":
				t.Errorf("PUT of %q: %d %s", key, a.StatusCode, a.Text)
			}
			for method, statuses := range map[string][]int{"GET": {200, 404}, "HEAD": {200, 404}, "DELETE": {204}} {
				if a := p.Do(&proxytest.Request{Method: method, Path: path}); !slices.Contains(statuses, a.StatusCode) {
					t.Errorf("%s of %q: %d %s", method, key, a.StatusCode, a.Text)
				}
			}
		}
		p.Put(general, "a/z", "")
		for _, query := range []string{
			"start-after=..", "start-after=a%2F..%2Fb", "start-after=a%2F%2Fb", "prefix=..%2F", "prefix=..",
			"prefix=a%2F%2F", "prefix=a%2F..", "prefix=%2F", "start-after=%01", "prefix=%01",
			"prefix=a%2F.%20&delimiter=%2F", "delimiter=..", "delimiter=%2F%2F",
		} {
			v1 := strings.ReplaceAll(query, "start-after", "marker")
			for _, query := range []string{
				query + "&list-type=2", v1,
				strings.ReplaceAll(v1, "marker", "key-marker") + "&versions=",
			} {
				if a := p.Do(&proxytest.Request{
					Method: "GET", Path: "/" + general,
					Query: query,
				}); a.StatusCode != 200 {
					t.Errorf("a listing with %s: %d %s", query, a.StatusCode, a.Text)
				}
			}
		}
		for query, want := range map[string]string{
			"start-after=a%2F..%2Fb": "a/z:0 source:4",
			"start-after=..":         "a/z:0 source:4", "prefix=..": "", "prefix=a%2F%2F": "", "prefix=a%2F..": "",
		} {
			if a := p.Do(&proxytest.Request{
				Method: "GET", Path: "/" + general,
				Query: query + "&list-type=2",
			}); listed(a.Text) != want {
				t.Errorf("a listing with %s: %q, want %q", query, listed(a.Text), want)
			}
		}
	})
}

// lyingProbe makes a store that garbles names look to the probe as if it didn't, as a program of earlier took it for.
func lyingProbe(r *http.Response) {
	if r.Request.Method != "GET" || !strings.Contains(r.Request.URL.RawQuery, "list-type=2") {
		return
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return
	}
	odd := regexp.MustCompile(`/c/00[^<]*</Key>`)
	if odd.Match(body) {
		var name strings.Builder
		for i := range 35 {
			c := rune(i + 1)
			if i > 30 {
				c = []rune{0x7f, 0xfffd, 0xfffe, 0xffff}[i-31]
			}
			fmt.Fprintf(&name, "%02d%s", i, url.QueryEscape(string(c)))
		}
		body = odd.ReplaceAll(body, []byte("/c/"+name.String()+"</Key>"))
		body = bytes.Replace(body, []byte("</ListBucketResult>"),
			[]byte("<EncodingType>url</EncodingType></ListBucketResult>"), 1)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// A program of earlier stored names that this store lists as others. They are listed as they are, hide nothing, can be
// read and deleted, and tools see them; new ones are refused.
func TestNamesThatTheStoreGarbles(t *testing.T) {
	f := proxytest.NewStoreFront(t)
	prefix, data := fmt.Sprintf("t%d-", time.Now().UnixNano()), t.TempDir()
	config := fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: embedded}
data: %s
`, f.URL, prefix, prefix, data)
	f.Set(nil, lyingProbe)
	p := proxytest.StartWith(t, config)
	bucket := proxytest.MakeBucket(t, p.Client(t), "plain")
	var keys []string
	for i := range 30 {
		keys = append(keys, fmt.Sprintf("p/k%02d", i))
	}
	keys = append(keys, "p/\x01x", "p/\x01", "p/\x02/b", "p/\x1f\x1f", "p/k05\uFFFFz", "p/k07\uFFFE", "p/\uFFFD",
		"q\x05")
	slices.Sort(keys)
	for _, key := range keys {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/" + escaped(key),
			Body: "x",
		}); a.StatusCode != 200 {
			t.Fatalf("PUT of %q: %d %s", key, a.StatusCode, a.Text)
		}
	}
	f.Set(nil, nil)
	p.Stop()
	p = proxytest.StartWith(t, config)

	for _, size := range []int32{1, 2, 7, 1000} {
		var all []string
		pages := s3.NewListObjectsV2Paginator(p.Client(t),
			&s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: &size, EncodingType: "url"})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatalf("pages of %d: %v", size, err)
			}
			for _, o := range page.Contents {
				name, err := url.QueryUnescape(aws.ToString(o.Key))
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, name)
			}
		}
		if !slices.Equal(all, keys) {
			t.Errorf("pages of %d: %q\nwant %q", size, all, keys)
		}
	}
	// Version 1, rolled up; without an encoding a character that XML does not have is no other one.
	var prefixes []string
	for marker, more := "", true; more; {
		a := p.Do(&proxytest.Request{
			Method: "GET", Path: "/" + bucket,
			Query: "delimiter=%2F&encoding-type=url&prefix=p%2F&marker=" + marker,
		})
		for _, part := range strings.Split(a.Text, "<CommonPrefixes>")[1:] {
			prefixes = append(prefixes, proxytest.Element(part, "Prefix"))
		}
		marker, more = proxytest.Element(a.Text, "NextMarker"), proxytest.Element(a.Text, "IsTruncated") == "true"
	}
	if !slices.Equal(prefixes, []string{"p/%02/"}) {
		t.Errorf("rolled up: %q", prefixes)
	}
	if a := p.Do(&proxytest.Request{
		Method: "GET", Path: "/" + bucket,
		Query: "list-type=2&prefix=q",
	}); !strings.Contains(a.Text, "<Key>q&#x5;</Key>") {
		t.Errorf("without an encoding: %s", a.Text)
	}

	for _, r := range []*proxytest.Request{
		{Method: "PUT", Path: "/" + bucket + "/new%01", Body: "x"},
		{Method: "PUT", Path: "/" + bucket + "/p/%01x", Body: "x"},
		{Method: "POST", Path: "/" + bucket + "/new%EF%BF%BF", Query: "uploads="},
	} {
		if a := p.Do(r); a.StatusCode != 400 || a.Code() != "InvalidURI" {
			t.Errorf("%s %s: %d %s", r.Method, r.Path, a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/p/%01x"}); a.StatusCode != 200 ||
		a.Text != "x" {
		t.Errorf("GET of one: %d %s", a.StatusCode, a.Text)
	}

	file := proxytest.WriteConfig(t, config+proxytest.Identity)
	var rewrapped tools.RewrapReport
	out, errs, status := proxytest.Subcommand(t, "rewrap", "--config", file, "s3://"+bucket)
	if err := json.Unmarshal([]byte(out), &rewrapped); err != nil || status != command.StatusOK ||
		rewrapped.Rewrapped != int64(len(keys)) || rewrapped.Gone != 0 {
		t.Errorf("rewrap: status %d, %s %s", status, out, errs)
	}
	if _, errs, status := proxytest.Subcommand(t, "verify", "--config", file,
		"s3://"+bucket); status != command.StatusOK ||
		!strings.Contains(errs, fmt.Sprint(len(keys), " objects checked, 0 damaged")) {
		t.Errorf("verify: status %d: %s", status, errs)
	}
	if a := p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/p/%01x"}); a.StatusCode != 204 {
		t.Errorf("DELETE of one: %d %s", a.StatusCode, a.Text)
	}

	// What is listed and isn't there is named, and so is what can't be sealed.
	f.Set(nil, nil)
	f.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "GET" && strings.HasSuffix(r.URL.Path, "/p/k03") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	}, nil)
	if out, errs, status := proxytest.Subcommand(t, "verify", "--config", file,
		"s3://"+bucket); status != command.StatusError ||
		!strings.Contains(out, "/p/k03: could not be checked: the store lists it, and answers that it doesn't exist") {
		t.Errorf("verify of what isn't there: status %d: %s %s", status, out, errs)
	}
	rewrapped = tools.RewrapReport{}
	out, _, status = proxytest.Subcommand(t, "rewrap", "--config", file, "s3://"+bucket)
	if err := json.Unmarshal([]byte(out), &rewrapped); err != nil || status != command.StatusError ||
		rewrapped.Gone != 0 || len(rewrapped.Left) != 1 {
		t.Errorf("rewrap of what isn't there: status %d, %s", status, out)
	}
}

// fieldsOf is one header.
func fieldsOf(name, value string) []sigv4.Field { return []sigv4.Field{proxytest.Field(name, value)} }

// What no listing shows is said: MinIO's u/p beside u, uploads in progress, older versions. Migrate leaves nothing out
// that the store lists by another name.
func TestToolsSayWhatTheyDoNotSee(t *testing.T) {
	for name, start := range map[string]func(*testing.T) proxytest.Service{
		"minio":     proxytest.StartMinIO,
		"versitygw": proxytest.StartVersioningVersitygw,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored := start(t)
			config := fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {endpoint: %q, access_key: %s, secret_key: %s}
kms: {kind: embedded}
data: %s
`, stored.Endpoint, stored.AccessKey, stored.SecretKey, t.TempDir())
			p := proxytest.StartWith(t, config)
			bucket := versioned(t, p, "general")
			p.Put(bucket, "u", "x")
			beside := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/u/p", Body: "x"}).StatusCode == 200
			upload, err := p.Client(t).CreateMultipartUpload(t.Context(),
				&s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("big")})
			if err != nil {
				t.Fatal(err)
			}
			file := proxytest.WriteConfig(t, config+proxytest.Identity)
			_, errs, status := proxytest.Subcommand(t, "verify", "--config", file, "s3://"+bucket)
			if status != command.StatusOK || !strings.Contains(errs, "an upload in progress: s3://"+bucket+"/big") ||
				!strings.Contains(errs, "the bucket has versions") ||
				strings.Contains(errs, "an object u/p as well as an object u") != beside {
				t.Errorf("verify: status %d: %s", status, errs)
			}
			var rewrapped tools.RewrapReport
			out, _, status := proxytest.Subcommand(t, "rewrap", "--config", file, "s3://"+bucket)
			if err := json.Unmarshal([]byte(out), &rewrapped); err != nil || status != command.StatusOK ||
				len(rewrapped.Uploads) != 1 || rewrapped.Uploads[0].UploadID != aws.ToString(upload.UploadId) ||
				len(rewrapped.Notes) == 0 {
				t.Errorf("rewrap: status %d: %s", status, out)
			}

			client := s3.New(s3.Options{
				Region: "us-east-1", BaseEndpoint: &stored.Endpoint,
				Credentials:  credentials.NewStaticCredentialsProvider(stored.AccessKey, stored.SecretKey, ""),
				UsePathStyle: true,
			})
			if _, err := client.CreateBucket(t.Context(),
				&s3.CreateBucketInput{Bucket: aws.String("clear")}); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"m/\x01a", "m/b", "m/c\uFFFF"} {
				if _, err := client.PutObject(t.Context(),
					&s3.PutObjectInput{
						Bucket: aws.String("clear"), Key: &key,
						Body: strings.NewReader("x"),
					}); err != nil {
					t.Fatal(err)
				}
			}
			var migrated tools.MigrationReport
			out, errs, status = proxytest.Subcommand(t, "migrate", "--config", file, "s3://clear", "s3://"+bucket)
			err = json.Unmarshal([]byte(out), &migrated)
			switch {
			case err != nil:
				t.Errorf("migrate: %v: %s %s", err, out, errs)
			case name == "minio" && (status != command.StatusOK || migrated.Copied != 3 || migrated.Equal != 3):
				t.Errorf("migrate: status %d: %s %s", status, out, errs)
			case name == "versitygw" && (status != command.StatusError || migrated.Copied != 1 ||
				len(migrated.Left) != 2 || migrated.Left[0].Kind != "InvalidURI"):
				t.Errorf("migrate: status %d: %s %s", status, out, errs)
			}
		})
	}
}
