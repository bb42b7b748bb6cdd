package gateway_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// What stores answer otherwise than Amazon S3 does is mended, on each of them.
func TestWhatStoresAnswerOtherwise(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, p *proxytest.Program, general, directory string) {
		for _, bucket := range []string{general, directory} {
			deletesAnyOrNothing(t, p, bucket)
			readsTheEndOfNothing(t, p, bucket)
			keepsAnyExpires(t, p, bucket)
			saysAllOfA304(t, p, bucket)
		}
		showsOpenPrefixes(t, p, general, directory)
		rollsUpByAnyDelimiter(t, p, general)
		locksOverDeleteMarkers(t, p)
		listsVersionsToTheEnd(t, p)
	})
}

func deletesAnyOrNothing(t *testing.T, p *proxytest.Program, bucket string) {
	t.Helper()
	path := "/" + bucket + "/any"
	star := fieldsOf("If-Match", "*")
	p.Put(bucket, "any", "x")
	if a := p.Do(&proxytest.Request{Method: "DELETE", Path: path, Header: star}); a.StatusCode != 204 {
		t.Errorf("%s: DELETE If-Match: *: %d %s", bucket, a.StatusCode, a.Text)
	}
	p.MustNotExist(bucket, "any")
	if a := p.Do(&proxytest.Request{Method: "DELETE", Path: path, Header: star}); a.StatusCode != 404 ||
		a.Code() != "NoSuchKey" {
		t.Errorf("%s: DELETE If-Match: * of nothing: %d %s", bucket, a.StatusCode, a.Text)
	}
	p.Put(bucket, "any", "x")
	body := "<Delete><Object><Key>any</Key><ETag>*</ETag></Object><Object><Key>none</Key><ETag>*</ETag></Object></Delete>"
	a := p.Do(&proxytest.Request{
		Method: "POST", Path: "/" + bucket, Query: "delete=", Body: body,
		Header: fieldsOf("Content-MD5", proxytest.MD5(body)),
	})
	if a.StatusCode != 200 || !strings.Contains(a.Text, "<Deleted><Key>any</Key></Deleted>") ||
		!strings.Contains(a.Text, "<Error><Key>none</Key><Code>NoSuchKey</Code>") {
		t.Errorf("%s: DeleteObjects of *: %d %s", bucket, a.StatusCode, a.Text)
	}
}

func readsTheEndOfNothing(t *testing.T, p *proxytest.Program, bucket string) {
	t.Helper()
	p.Put(bucket, "empty", "")
	for value, status := range map[string]int{
		"bytes=-13": 200, "bytes=-1": 200, "bytes=-0": 416, "bytes=0-": 416,
		"bytes=0-0": 416,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := p.Do(&proxytest.Request{
				Method: method, Path: "/" + bucket + "/empty",
				Header: fieldsOf("Range", value),
			})
			if a.StatusCode != status || status == 200 &&
				(a.Text != "" || a.Header.Get("Content-Range") != "" || a.Header.Get("Content-Length") != "0") {
				t.Errorf("%s: %s %s of an empty object: %d %v", bucket, method, value, a.StatusCode, a.Header)
			}
		}
	}
}

func keepsAnyExpires(t *testing.T, p *proxytest.Program, bucket string) {
	t.Helper()
	for _, value := range []string{
		"0", "-1", "5d", "Fri, 01 Sep 2023 01:01:01 GMT", "Friday, 01-Sep-23 01:01:01 GMT",
		"2023-09-01T01:01:01Z",
	} {
		p.Put(bucket, "expires", "x", proxytest.Field("Expires", value))
		p.MustCopy(bucket+"/expires", bucket+"/expires-copy")
		for _, key := range []string{"expires", "expires-copy"} {
			if got := p.HeadOf(bucket, key).Header.Get("Expires"); got != value {
				t.Errorf("%s: Expires %q of %s came back as %q", bucket, value, key, got)
			}
		}
	}
	if a := p.HeadOf(bucket, "expires"); len(a.Header.Values("Expires")) != 1 ||
		strings.Contains(fmt.Sprint(a.Header), "-expires") {
		t.Errorf("%s: %v", bucket, a.Header)
	}
}

func saysAllOfA304(t *testing.T, p *proxytest.Program, bucket string) {
	t.Helper()
	for _, expires := range []string{"0", "Fri, 01 Sep 2023 01:01:01 GMT"} {
		p.Put(bucket, "unmodified", "x", proxytest.Field("Expires", expires),
			proxytest.Field("Cache-Control", "max-age=1"))
		whole := p.HeadOf(bucket, "unmodified").Header
		for _, method := range []string{"GET", "HEAD"} {
			for _, condition := range [][2]string{
				{"If-None-Match", whole.Get("ETag")},
				{"If-None-Match", "*"},
				{"If-Modified-Since", whole.Get("Last-Modified")},
			} {
				a := p.Do(&proxytest.Request{
					Method: method, Path: "/" + bucket + "/unmodified",
					Header: fieldsOf(condition[0], condition[1]),
				})
				if a.StatusCode != 304 {
					t.Errorf("%s: %s %s: %d", bucket, method, condition[0], a.StatusCode)
				}
				for _, name := range []string{"ETag", "Last-Modified", "Cache-Control", "Expires", "Vary"} {
					if a.Header.Get(name) != whole.Get(name) {
						t.Errorf("%s: 304 to %s %s says %s %q, and 200 %q", bucket, method, condition[0], name,
							a.Header.Get(name), whole.Get(name))
					}
				}
			}
		}
	}
}

// showsOpenPrefixes: row 6.5.
func showsOpenPrefixes(t *testing.T, p *proxytest.Program, general, directory string) {
	t.Helper()
	client := p.Client(t)
	var uploads []*s3.CreateMultipartUploadOutput
	for _, bucket := range []string{general, directory} {
		for _, key := range []string{"pend/m/1", "pend/x/y", "pend/x/z", "pend/plain"} {
			u, err := client.CreateMultipartUpload(t.Context(),
				&s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
			if err != nil {
				t.Fatal(err)
			}
			uploads = append(uploads, u)
		}
		for _, key := range []string{"pend/a", "pend/n/1", "pend/x/1", "pend/z"} {
			p.Put(bucket, key, "x")
		}
	}
	for bucket, want := range map[string]string{general: "pend/n/ pend/x/", directory: "pend/m/ pend/n/ pend/x/"} {
		for size := int32(1); size < 8; size++ {
			var prefixes, keys []string
			pages := s3.NewListObjectsV2Paginator(client,
				&s3.ListObjectsV2Input{
					Bucket: &bucket, Prefix: aws.String("pend/"), Delimiter: aws.String("/"),
					MaxKeys: &size,
				})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Contents)+len(page.CommonPrefixes) > int(size) {
					t.Errorf("%s: a page of %d has more", bucket, size)
				}
				for _, c := range page.CommonPrefixes {
					prefixes = append(prefixes, aws.ToString(c.Prefix))
				}
				for _, o := range page.Contents {
					keys = append(keys, aws.ToString(o.Key))
				}
			}
			if strings.Join(prefixes, " ") != want || strings.Join(keys, " ") != "pend/a pend/z" {
				t.Errorf("%s, pages of %d: %q %q, want %q", bucket, size, prefixes, keys, want)
			}
		}
	}
	for _, u := range uploads {
		if _, err := client.AbortMultipartUpload(t.Context(),
			&s3.AbortMultipartUploadInput{Bucket: u.Bucket, Key: u.Key, UploadId: u.UploadId}); err != nil {
			t.Error(err)
		}
	}
}

func rollsUpByAnyDelimiter(t *testing.T, p *proxytest.Program, bucket string) {
	t.Helper()
	for _, key := range []string{"dl/a-1", "dl/a-2", "dl/b-", "dl/b-1", "dl/c", "dl/d/e-f", "dl/e--f"} {
		p.Put(bucket, key, "x")
	}
	for delimiter, want := range map[string]string{
		"-": "dl/a-* dl/b-* dl/c dl/d/e-* dl/e-*", "--": "dl/a-1 dl/a-2 dl/b- dl/b-1 dl/c dl/d/e-f dl/e--*",
		"/":  "dl/a-1 dl/a-2 dl/b- dl/b-1 dl/c dl/d/* dl/e--f",
		"a-": "dl/a-* dl/b- dl/b-1 dl/c dl/d/e-f dl/e--f", "é": "dl/a-1 dl/a-2 dl/b- dl/b-1 dl/c dl/d/e-f dl/e--f",
	} {
		for size := 1; size <= 8; size++ {
			for _, version := range []string{"list-type=2&continuation-token", "marker"} {
				var all []string
				token, pages := "", 0
				for more := true; more && pages < 20; pages++ {
					query := fmt.Sprintf("delimiter=%s&max-keys=%d&prefix=dl%%2F", url.QueryEscape(delimiter), size)
					switch {
					case token != "":
						query += "&" + version + "=" + url.QueryEscape(token)
					case version != "marker":
						query += "&list-type=2"
					}
					a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket, Query: query})
					for _, part := range strings.Split(a.Text, "<Contents>")[1:] {
						all = append(all, proxytest.Element(part, "Key"))
					}
					for _, part := range strings.Split(a.Text, "<CommonPrefixes>")[1:] {
						all = append(all, proxytest.Element(part, "Prefix")+"*")
					}
					token, more = proxytest.Element(a.Text, "NextContinuationToken")+proxytest.Element(a.Text,
						"NextMarker"), proxytest.Element(a.Text, "IsTruncated") == "true"
					if strings.Contains(a.Text, "minio_cache") {
						t.Errorf("a marker of the store's own: %s", a.Text)
					}
				}
				slices.Sort(all)
				if strings.Join(all, " ") != want || pages > 20 {
					t.Errorf("delimiter %q, pages of %d, %s: %q, want %q", delimiter, size, version, all, want)
				}
			}
		}
	}
}

// versioned makes a bucket with versions, "" on a store without.
func versioned(t *testing.T, p *proxytest.Program, name string) string {
	t.Helper()
	bucket := proxytest.MakeBucket(t, p.Client(t), name)
	_, err := p.Client(t).PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		var refused smithy.APIError
		if errors.As(err, &refused) {
			return ""
		}
		t.Fatal(err)
	}
	return bucket
}

// locksOverDeleteMarkers: a lock file works more than once, and of many that take it one gets it.
func locksOverDeleteMarkers(t *testing.T, p *proxytest.Program) {
	t.Helper()
	bucket := versioned(t, p, "locks")
	if bucket == "" {
		return
	}
	client := p.Client(t)
	p.Put(bucket, "source", "lock")
	ways := map[string]func(key, body string) int{
		"PutObject": func(key, body string) int {
			return p.Do(&proxytest.Request{
				Method: "PUT", Path: "/" + bucket + "/" + key, Body: body,
				Header: fieldsOf("If-None-Match", "*"),
			}).StatusCode
		},
		"CopyObject": func(key, _ string) int {
			return p.CopyOf(bucket+"/source", bucket+"/"+key, proxytest.Field("If-None-Match", "*")).StatusCode
		},
		"CompleteMultipartUpload": func(key, body string) int {
			u, err := client.CreateMultipartUpload(t.Context(),
				&s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
			if err != nil {
				t.Error(err)
				return 0
			}
			part, err := client.UploadPart(t.Context(),
				&s3.UploadPartInput{
					Bucket: &bucket, Key: &key, UploadId: u.UploadId, PartNumber: aws.Int32(1),
					Body: strings.NewReader(body),
				})
			if err != nil {
				t.Error(err)
				return 0
			}
			list := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + aws.ToString(part.ETag) +
				"</ETag></Part></CompleteMultipartUpload>"
			return p.Do(&proxytest.Request{
				Method: "POST", Path: "/" + bucket + "/" + key,
				Query: "uploadId=" + url.QueryEscape(aws.ToString(u.UploadId)), Body: list,
				Header: fieldsOf("If-None-Match", "*"),
			}).StatusCode
		},
	}
	large := strings.Repeat("large ", 100_000)
	for way, take := range ways {
		for round := range 3 {
			key := "lock-" + way
			if status := take(key, "mine"); status != 200 {
				t.Errorf("%s: lock %d: %d", way, round, status)
			}
			if status := take(key, "mine, too"); status != 412 {
				t.Errorf("%s: lock %d taken again: %d", way, round, status)
			}
			if a := p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/" + key}); a.StatusCode != 204 {
				t.Errorf("%s: unlock %d: %d %s", way, round, a.StatusCode, a.Text)
			}
		}
	}
	// A body that streams is repeated by its client, at most once.
	for round := range 3 {
		status := ways["PutObject"]("large", large)
		if status == 409 {
			status = ways["PutObject"]("large", large)
		}
		if status != 200 {
			t.Errorf("a large lock, %d: %d", round, status)
		}
		p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/large"})
	}
	for range 5 {
		p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/raced"})
		taken := make(chan int, 8)
		for range cap(taken) {
			go func() { taken <- ways["PutObject"]("raced", "mine") }()
		}
		got := map[int]int{}
		for range cap(taken) {
			got[<-taken]++
		}
		if got[200] != 1 || got[200]+got[412]+got[409] != cap(taken) {
			t.Errorf("of many that take a lock: %v", got)
		}
	}
}

// listsVersionsToTheEnd: pages end, no version twice, whatever max-keys; also when what they end with is deleted
// meanwhile.
func listsVersionsToTheEnd(t *testing.T, p *proxytest.Program) {
	t.Helper()
	bucket := versioned(t, p, "versions")
	if bucket == "" {
		return
	}
	client := p.Client(t)
	p.Put(bucket, "v", "1")
	p.Put(bucket, "v", "2")
	p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/v"})
	p.Put(bucket, "v", "3")
	p.Put(bucket, "v.txt", "1")
	p.Put(bucket, "v0", "1")
	p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/v0"})
	p.Put(bucket, "w/a", "1")
	p.Put(bucket, "w/a", "2")
	p.Put(bucket, "w/b", "1")
	type version struct{ key, id string }
	list := func(size int32, delimiter string, after func([]version)) (all []version) {
		in := &s3.ListObjectVersionsInput{Bucket: &bucket, MaxKeys: &size}
		if delimiter != "" {
			in.Delimiter = &delimiter
		}
		for pages := 0; ; pages++ {
			page, err := client.ListObjectVersions(t.Context(), in)
			if err != nil || pages > 40 {
				t.Fatalf("pages of %d: page %d: %v", size, pages, err)
			}
			var got []version
			for _, v := range page.Versions {
				got = append(got, version{aws.ToString(v.Key), aws.ToString(v.VersionId)})
			}
			for _, v := range page.DeleteMarkers {
				got = append(got, version{aws.ToString(v.Key), aws.ToString(v.VersionId)})
			}
			for _, c := range page.CommonPrefixes {
				got = append(got, version{key: aws.ToString(c.Prefix)})
			}
			if len(got) > int(size) {
				t.Errorf("a page of %d has %d", size, len(got))
			}
			all = append(all, got...)
			if after != nil {
				after(got)
			}
			if !aws.ToBool(page.IsTruncated) {
				return all
			}
			if strings.Contains(aws.ToString(page.NextKeyMarker), "minio_cache") {
				t.Errorf("a marker of the store's own: %s", *page.NextKeyMarker)
			}
			in.KeyMarker, in.VersionIdMarker = page.NextKeyMarker, page.NextVersionIdMarker
		}
	}
	sorted := func(all []version) []version {
		slices.SortFunc(all, func(a, b version) int { return strings.Compare(a.key+"\n"+a.id, b.key+"\n"+b.id) })
		return all
	}
	for _, delimiter := range []string{"", "/"} {
		whole := sorted(list(1000, delimiter, nil))
		if want := map[string]int{"": 10, "/": 8}[delimiter]; len(whole) != want {
			t.Errorf("delimiter %q: %d entries, want %d: %v", delimiter, len(whole), want, whole)
		}
		for size := int32(1); size < 12; size++ {
			if got := sorted(list(size, delimiter, nil)); !slices.Equal(got, whole) {
				t.Errorf("delimiter %q, pages of %d: %v\nwant %v", delimiter, size, got, whole)
			}
		}
	}
	// A version that isn't there is deleted.
	missing := map[bool]string{true: "3f0cde35-1c7b-4a6c-a5a5-0e3c3d9bb7d2", false: "01KNTTHERE0000000000000000"}
	for _, id := range missing {
		body := "<Delete><Object><Key>v</Key><VersionId>" + id + "</VersionId></Object></Delete>"
		a := p.Do(&proxytest.Request{
			Method: "POST", Path: "/" + bucket, Query: "delete=", Body: body,
			Header: fieldsOf("Content-MD5", proxytest.MD5(body)),
		})
		if a.StatusCode != 200 || strings.Contains(a.Text, "<Error>") || !strings.Contains(a.Text, "<Deleted>") {
			t.Errorf("DeleteObjects of the version %s, which isn't there: %d %s", id, a.StatusCode, a.Text)
		}
	}
	// Each page is deleted before the next one is asked for.
	list(2, "", func(got []version) {
		for _, v := range got {
			if a := p.Do(&proxytest.Request{
				Method: "DELETE", Path: "/" + bucket + "/" + v.key,
				Query: "versionId=" + url.QueryEscape(v.id),
			}); a.StatusCode != 204 {
				t.Errorf("DELETE of %v: %d %s", v, a.StatusCode, a.Text)
			}
		}
	})
	if left := list(1000, "", nil); len(left) > 0 {
		t.Errorf("after each page was deleted: %v", left)
	}
}
