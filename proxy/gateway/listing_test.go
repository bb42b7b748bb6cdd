package gateway_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/proxytest"
)

// listed sums a listing up: its keys, its prefixes, and whether it was cut off.
func listed(body string) string {
	var out []string
	for _, part := range strings.Split(body, "<Contents>")[1:] {
		out = append(out, proxytest.Element(part, "Key")+":"+proxytest.Element(part, "Size"))
	}
	for _, part := range strings.Split(body, "<CommonPrefixes>")[1:] {
		out = append(out, proxytest.Element(part, "Prefix"))
	}
	if proxytest.Element(body, "IsTruncated") == "true" {
		out = append(out, "…")
	}
	return strings.Join(out, " ")
}

// 6.5 and version 1: what a listing may be asked for, in both kinds of buckets, and that pages put together are the
// whole.
func TestListings(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	directory, plain := p.Env["SEALFRONT_BUCKET"], proxytest.MakeBucket(t, p.Client(t), "plain")
	for _, bucket := range []string{directory, plain} {
		for i, key := range []string{"a", "b%20b%2B", "dir/1", "dir/2", "dir/sub/3", "e", "%C3%BC"} {
			p.Put(bucket, key, strings.Repeat("x", i))
		}
	}
	for _, c := range []struct{ bucket, query, want string }{
		{plain, "list-type=2", "a:0 b b+:1 dir/1:2 dir/2:3 dir/sub/3:4 e:5 ü:6"},
		{directory, "list-type=2", "a:0 b b+:1 dir/1:2 dir/2:3 dir/sub/3:4 e:5 ü:6"},
		{plain, "", "a:0 b b+:1 dir/1:2 dir/2:3 dir/sub/3:4 e:5 ü:6"},
		{plain, "delimiter=%2F&list-type=2", "a:0 b b+:1 e:5 ü:6 dir/"},
		{directory, "delimiter=%2F&list-type=2", "a:0 b b+:1 e:5 ü:6 dir/"},
		{plain, "delimiter=%2F", "a:0 b b+:1 e:5 ü:6 dir/"},
		{plain, "delimiter=%2F&list-type=2&prefix=dir%2F", "dir/1:2 dir/2:3 dir/sub/"},
		{directory, "delimiter=%2F&list-type=2&prefix=dir%2F", "dir/1:2 dir/2:3 dir/sub/"},
		{plain, "list-type=2&prefix=dir", "dir/1:2 dir/2:3 dir/sub/3:4"},
		{plain, "list-type=2&prefix=nothing", ""},
		{plain, "list-type=2&start-after=dir%2F1", "dir/2:3 dir/sub/3:4 e:5 ü:6"},
		{plain, "marker=dir%2F1", "dir/2:3 dir/sub/3:4 e:5 ü:6"},
		{plain, "list-type=2&max-keys=0", ""},
		{directory, "list-type=2&max-keys=0", ""},
		{plain, "max-keys=0", ""},
		{plain, "list-type=2&max-keys=2", "a:0 b b+:1 …"},
		{plain, "max-keys=2", "a:0 b b+:1 …"},
		{plain, "encoding-type=url&list-type=2", "a:0 b+b%2B:1 dir/1:2 dir/2:3 dir/sub/3:4 e:5 %C3%BC:6"},
		{plain, "list-type=2&max-keys=5000", "a:0 b b+:1 dir/1:2 dir/2:3 dir/sub/3:4 e:5 ü:6"},
	} {
		a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + c.bucket, Query: c.query})
		if got := listed(a.Text); a.StatusCode != 200 || got != c.want {
			t.Errorf("%s?%s: %d %q, want %q: %s", c.bucket, c.query, a.StatusCode, got, c.want, a.Text)
		}
		if name := proxytest.Element(a.Text, "Name"); name != c.bucket {
			t.Errorf("%s?%s: Name is %s", c.bucket, c.query, name)
		}
		class := map[string]string{directory: "EXPRESS_ONEZONE", plain: "STANDARD"}[c.bucket]
		if strings.Contains(a.Text, "<Contents>") && proxytest.Element(a.Text, "StorageClass") != class {
			t.Errorf("%s?%s: %s", c.bucket, c.query, proxytest.Element(a.Text, "StorageClass"))
		}
	}
	// Page by page, in either version, with and without a delimiter.
	for _, c := range []struct{ bucket, query, token, next string }{
		{plain, "list-type=2", "continuation-token", "NextContinuationToken"},
		{directory, "list-type=2", "continuation-token", "NextContinuationToken"},
		{plain, "", "marker", "NextMarker"},
	} {
		for _, delimiter := range []string{"", "/"} {
			for size := 1; size <= 4; size++ {
				var all []string
				query := func(token string) string {
					v := url.Values{"max-keys": {fmt.Sprint(size)}}
					if c.query != "" {
						v.Set("list-type", "2")
					}
					if delimiter != "" {
						v.Set("delimiter", delimiter)
					}
					if token != "" {
						v.Set(c.token, token)
					}
					return strings.ReplaceAll(v.Encode(), "+", "%20")
				}
				for token, pages := "", 0; pages < 20; pages++ {
					a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + c.bucket, Query: query(token)})
					page := strings.Fields(strings.ReplaceAll(listed(a.Text), "b b+", "b_b+"))
					if token = proxytest.Element(a.Text, c.next); token == "" {
						all = append(all, page...)
						break
					}
					if len(page) != size+1 {
						t.Errorf("%s, pages of %d: %v", c.bucket, size, page)
					}
					all = append(all, page[:len(page)-1]...)
				}
				want := "a:0 b_b+:1 dir/1:2 dir/2:3 dir/sub/3:4 e:5 ü:6"
				if delimiter != "" {
					want = "a:0 b_b+:1 dir/ e:5 ü:6"
				}
				slices.Sort(all) // keys come before prefixes in each page
				if got := strings.Join(all, " "); got != want {
					t.Errorf("%s %s%s, pages of %d: %s, want %s", c.bucket, c.query, delimiter, size, got, want)
				}
			}
		}
	}
	if a := p.Do(&proxytest.Request{
		Method: "GET", Path: "/" + plain,
		Query: "fetch-owner=true&list-type=2&max-keys=1",
	}); !strings.Contains(a.Text, "<Owner><ID>123456789012</ID>") {
		t.Errorf("no owner: %s", a.Text)
	}
}

func TestListingsOfVersionOnePage(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	general := proxytest.MakeBucket(t, client, "general")
	for _, bucket := range []string{p.Env["SEALFRONT_BUCKET"], general} {
		var want []string
		for i := range 7 {
			key := fmt.Sprintf("a/%d", i)
			p.Put(bucket, key, strings.Repeat("x", i))
			want = append(want, fmt.Sprint(key, " ", i))
		}
		p.Put(bucket, "b", "")
		var got []string
		marker := ""
		for {
			out, err := client.ListObjects(t.Context(),
				&s3.ListObjectsInput{Bucket: &bucket, Prefix: aws.String("a/"), MaxKeys: aws.Int32(2), Marker: &marker})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range out.Contents {
				got = append(got, fmt.Sprint(*o.Key, " ", *o.Size))
			}
			if !aws.ToBool(out.IsTruncated) {
				break
			}
			marker = aws.ToString(out.NextMarker)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("listed %q", got)
		}
		out, err := client.ListObjects(t.Context(), &s3.ListObjectsInput{Bucket: &bucket, Delimiter: aws.String("/")})
		if err != nil || len(out.CommonPrefixes) != 1 || len(out.Contents) != 1 {
			t.Errorf("with a delimiter: %+v, %v", out, err)
		}
	}
}
