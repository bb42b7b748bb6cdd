package gateway_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Destination conditions hold although the stores ignore them on a copy (L5, trap 23).
func TestConditionsOnTheDestinationOfACopyHold(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	for _, reseal := range []bool{false, true} {
		var extra []sigv4.Field
		if reseal {
			extra = []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")}
		}
		for _, body := range []string{"", "body", string(proxytest.RandomBytes(300_000))} {
			p.Put(bucket, "source", body)
			there := p.Put(bucket, "there", "there").Header.Get("ETag")
			try := func(to string, status int, code string, header ...sigv4.Field) {
				t.Helper()
				a := p.CopyOf(bucket+"/source", bucket+"/"+to, append(header, extra...)...)
				if a.StatusCode != status || a.Code() != code {
					t.Errorf("%s %s, %d bytes: %d %s", to, header, len(body), a.StatusCode, a.Text)
				}
			}
			p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/new"})
			try("there", 412, "PreconditionFailed", proxytest.Field("If-None-Match", "*"))
			try("there", 412, "PreconditionFailed", proxytest.Field("If-Match", `"another"`))
			try("new", 404, "NoSuchKey", proxytest.Field("If-Match", there))
			try("new", 501, "NotImplemented", proxytest.Field("If-None-Match", `"a"`))
			if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/there"}); a.Text != "there" {
				t.Errorf("the object that was there is now %q", a.Text)
			}
			p.MustNotExist(bucket, "new")
			try("new", 200, "", proxytest.Field("If-None-Match", "*"))
			try("there", 200, "", proxytest.Field("If-Match", there))
			for _, key := range []string{"new", "there"} {
				if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key}); a.Text != body {
					t.Errorf("%s: %d bytes, want %d", key, len(a.Text), len(body))
				}
			}
		}
	}
}

func TestConditionsOnTheSourceOfACopy(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	p.Put(bucket, "source", "body")
	head := p.HeadOf(bucket, "source")
	etag, date := head.Header.Get("ETag"), head.Header.Get("Last-Modified")
	const past, future = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2037 07:28:00 GMT"
	name := func(s string) string { return "X-Amz-Copy-Source-" + s }
	for what, c := range map[string]struct {
		header []sigv4.Field
		status int
	}{
		"its ETag": {[]sigv4.Field{proxytest.Field(name("If-Match"), etag)}, 200},
		"its ETag, bare": {
			[]sigv4.Field{proxytest.Field(name("If-Match"), strings.Trim(etag, `"`))},
			200,
		},
		"another ETag": {[]sigv4.Field{proxytest.Field(name("If-Match"), `"other"`)}, 412},
		"the store's own ETag": {[]sigv4.Field{proxytest.Field(name("If-Match"),
			strings.Replace(etag, "sf-", "", 1))}, 412},
		"not another":               {[]sigv4.Field{proxytest.Field(name("If-None-Match"), `"other"`)}, 200},
		"not its own":               {[]sigv4.Field{proxytest.Field(name("If-None-Match"), etag)}, 412},
		"modified since long ago":   {[]sigv4.Field{proxytest.Field(name("If-Modified-Since"), past)}, 200},
		"modified since now":        {[]sigv4.Field{proxytest.Field(name("If-Modified-Since"), date)}, 412},
		"unmodified since then":     {[]sigv4.Field{proxytest.Field(name("If-Unmodified-Since"), date)}, 200},
		"unmodified since long ago": {[]sigv4.Field{proxytest.Field(name("If-Unmodified-Since"), past)}, 412},
		"the ETag outweighs the date": {[]sigv4.Field{
			proxytest.Field(name("If-Match"), etag),
			proxytest.Field(name("If-Unmodified-Since"), past),
		}, 200},
		"the same ETag outweighs a date": {[]sigv4.Field{
			proxytest.Field(name("If-None-Match"), etag),
			proxytest.Field(name("If-Modified-Since"), past),
		}, 412},
		"another ETag outweighs a date": {[]sigv4.Field{
			proxytest.Field(name("If-None-Match"), `"other"`),
			proxytest.Field(name("If-Modified-Since"), future),
		}, 200},
		"a list with its ETag": {[]sigv4.Field{proxytest.Field(name("If-Match"), `"other", `+etag)}, 200},
		"a date that is none is ignored": {
			[]sigv4.Field{proxytest.Field(name("If-Modified-Since"), "yesterday")},
			200,
		},
		"a range, which copies don't have": {[]sigv4.Field{proxytest.Field("Range", "bytes=0-1")}, 400},
	} {
		key := strings.NewReplacer(" ", "-", ",", "").Replace(what)
		a := p.CopyOf(bucket+"/source", bucket+"/"+key, c.header...)
		if a.StatusCode != c.status {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
		}
		if c.status != 200 {
			p.MustNotExist(bucket, key)
		}
	}
}

func TestSourcesThatAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	general := proxytest.MakeBucket(t, client, "general")
	p.Put(bucket, "source", "body")
	p.Put(general, "a%20b%2Bc%25", "general body")
	for from, c := range map[string]struct {
		status int
		code   string
	}{
		bucket + "/absent":                {404, "NoSuchKey"},
		"absent--local-az1--x-s3/key":     {404, "NoSuchBucket"},
		"absent/key":                      {404, "NoSuchBucket"},
		"sealfront-state/state-key":       {404, "NoSuchBucket"},
		bucket:                            {400, "InvalidArgument"},
		bucket + "/%zz":                   {400, "InvalidArgument"},
		bucket + "/source?versionId=null": {200, ""},
		bucket + "/source?versionId=1":    {400, "InvalidArgument"},
		"/" + bucket + "/source":          {200, ""},
		general + "/" + "a%20b%2Bc%25":    {200, ""},
	} {
		if a := p.CopyOf(from, bucket+"/copy"); a.StatusCode != c.status || a.Code() != c.code {
			t.Errorf("%s: %d %s", from, a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + bucket + "/copy", Plain: true,
		Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", bucket+"/source")},
	}); a.StatusCode != 400 {
		t.Errorf("T-1, destination: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + general + "/copy", Plain: true,
		Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", bucket+"/source")},
	}); a.StatusCode != 400 ||
		a.Code() != "InvalidArgument" {
		t.Errorf("T-1, source: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + general + "/copy", Plain: true,
		Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", general+"/a%20b%2Bc%25")},
	}); a.StatusCode != 200 {
		t.Errorf("SSE-S3 over plain HTTP: %d %s", a.StatusCode, a.Text)
	}
	// A source that lies under another name, or is cut or not sealed, is not copied.
	file := proxytest.StoredFile(dir, bucket, "source")
	intact, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(what string, status int) {
		t.Helper()
		if a := p.CopyOf(bucket+"/source", bucket+"/damaged"); a.StatusCode != status {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
		}
		p.MustNotExist(bucket, "damaged")
	}
	proxytest.Overwrite(t, file, intact[:len(intact)-1])
	damaged("a size that no sealed object has", 500)
	proxytest.Overwrite(t, file, nil)
	damaged("cut to nothing", 500)
	proxytest.Overwrite(t, file, intact)
	other := proxytest.StoredFile(dir, bucket, "other")
	if err := os.Rename(file, other); err != nil {
		t.Fatal(err)
	}
	if a := p.CopyOf(bucket+"/other", bucket+"/damaged"); a.StatusCode != 500 {
		t.Errorf("moved to another name: %d %s", a.StatusCode, a.Text)
	}
	p.MustNotExist(bucket, "damaged")
	// A flipped byte of the body is copied as it is, and no reader gets it; sealed anew it never becomes an object.
	if err := os.Rename(other, file); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(intact)
	flipped[2] ^= 1
	proxytest.Overwrite(t, file, flipped)
	p.MustCopy(bucket+"/source", bucket+"/flipped")
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/flipped"}); a.StatusCode != 500 {
		t.Errorf("a flipped byte: %d %q", a.StatusCode, a.Text)
	}
	if a := p.CopyOf(bucket+"/source", bucket+"/resealed",
		proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")); a.StatusCode != 500 {
		t.Errorf("a flipped byte, sealed anew: %d %s", a.StatusCode, a.Text)
	}
	p.MustNotExist(bucket, "resealed")
}

func base64hex(hexadecimal string) (string, error) {
	var b []byte
	_, err := fmt.Sscanf(hexadecimal, "%x", &b)
	return base64.StdEncoding.EncodeToString(b), err
}

// S1: an envelope that names a key which the bucket doesn't allow is no source, and KMS isn't asked for it.
func TestASourceThatNamesAnotherKeyIsNotOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	general := proxytest.MakeBucket(t, client, "general")
	p.Put(bucket, "kms", "under the bucket's key")
	// The store names another key of the account in the envelope.
	file := proxytest.StoredFile(dir, bucket, "kms")
	var metadata map[string]string
	if err := json.Unmarshal(proxytest.Attributes(t, file)["user.metadata"], &metadata); err != nil {
		t.Fatal(err)
	}
	envelope, err := base64.RawURLEncoding.DecodeString(metadata["sealfront"])
	key := []byte(p.Env["SEALFRONT_KMS_KEY"])
	if err != nil || !bytes.Contains(envelope, key) {
		t.Fatalf("the envelope %q doesn't name the key: %v", envelope, err)
	}
	other := append(bytes.Clone(key[:len(key)-4]), "0000"...)
	metadata["sealfront"] = base64.RawURLEncoding.EncodeToString(bytes.Replace(envelope, key, other, 1))
	altered, err := json.Marshal(metadata)
	if err != nil {
		t.Fatal(err)
	}
	proxytest.SetAttribute(t, file, "user.metadata", altered)
	generate, decrypt := p.KMSCalls(func() {
		for what, a := range map[string]*proxytest.Answer{
			"append": p.AppendTo(bucket, "kms", len("under the bucket's key"), "x"),
			"copy":   p.CopyOf(bucket+"/kms", general+"/copy"),
			"rename": p.Rename(bucket, "kms", "renamed"),
		} {
			// there the keys differ at once: AP-2
			if a.StatusCode != 500 && !(what == "append" && a.StatusCode == 400) {
				t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
			}
		}
	})
	if generate != 0 || decrypt != 0 {
		t.Errorf("%d calls of GenerateDataKey, %d of Decrypt, want none", generate, decrypt)
	}
	p.MustNotExist(general, "copy")
	p.MustNotExist(bucket, "renamed")
}
