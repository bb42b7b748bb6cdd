package gateway_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// What general purpose buckets answer where a store's own suite showed that clients expect it.
func TestGeneralPurposeBucketsAnswerAsTheirClientsExpect(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(), "compat: {post_object: true}")
	client, ctx := p.Client(t), t.Context()
	bucket := proxytest.MakeBucket(t, client, "agreement")
	const body = "0123456789"
	put := func(key string, header ...sigv4.Field) *proxytest.Answer {
		return p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/" + key, Body: body, Header: header})
	}
	if a := put("object"); a.StatusCode != http.StatusOK {
		t.Fatal(a.Status, a.Text)
	}

	t.Run("ranges with spaces are none", func(t *testing.T) {
		for value, status := range map[string]int{
			"bytes= -1": 200, "bytes=0 -1": 200, "bytes= 0-1": 200,
			"bytes=0-1 ": 206, "bytes=-1": 206,
		} {
			a := p.Do(&proxytest.Request{
				Method: "GET", Path: "/" + bucket + "/object",
				Header: []sigv4.Field{proxytest.Field("Range", value)},
			})
			if a.StatusCode != status || status == 200 && a.Text != body {
				t.Errorf("%q: %d %q, want %d", value, a.StatusCode, a.Text, status)
			}
		}
	})

	t.Run("refusals", func(t *testing.T) {
		for name, c := range map[string]struct {
			a      *proxytest.Answer
			status int
			code   string
		}{
			"an empty Content-MD5": {
				put("refused", proxytest.Field("Content-MD5", "")), 400,
				"InvalidDigest",
			},
			"a redirect to another scheme": {
				put("refused",
					proxytest.Field("x-amz-website-redirect-location", "ftp://example.com")), 400,
				"InvalidRedirectLocation",
			},
			"a tag without a name": {
				put("refused", proxytest.Field("x-amz-tagging", "=value")), 400,
				"InvalidArgument",
			},
			"a sign that tags don't have": {
				put("refused", proxytest.Field("x-amz-tagging", "na%23me=value")),
				400, "InvalidTag",
			},
			"a sign that tags' values lack": {
				put("refused", proxytest.Field("x-amz-tagging", "name=a%3Fb")), 400,
				"InvalidTag",
			},
			"a state of versioning there isn't": {
				p.Do(&proxytest.Request{
					Method: "PUT", Path: "/" + bucket,
					Query: "versioning=", Body: "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
				}),
				400, "MalformedXML",
			},
			"no state of versioning": {
				p.Do(&proxytest.Request{
					Method: "PUT", Path: "/" + bucket,
					Query: "versioning=", Body: "<VersioningConfiguration></VersioningConfiguration>",
				}), 400,
				"IllegalVersioningConfigurationException",
			},
		} {
			if c.a.StatusCode != c.status || c.a.Code() != c.code {
				t.Errorf("%s: %d %s, want %d %s", name, c.a.StatusCode, c.a.Text, c.status, c.code)
			}
		}
		p.MustNotExist(bucket, "refused")
	})

	t.Run("parts without a field", func(t *testing.T) {
		u := proxytest.NewUploader(t, client, bucket, "parts")
		u.Part(1, []byte(body))
		for name, part := range map[string]string{
			"no number": "<ETag>" + u.ETags[1] + "</ETag>",
			"no ETag":   "<PartNumber>1</PartNumber>",
		} {
			a := p.Do(&proxytest.Request{
				Method: "POST", Path: "/" + bucket + "/parts", Query: "uploadId=" + u.ID,
				Body: "<CompleteMultipartUpload><Part>" + part + "</Part></CompleteMultipartUpload>",
			})
			if a.StatusCode != 400 || a.Code() != "MalformedXML" {
				t.Errorf("%s: %d %s, want MalformedXML", name, a.StatusCode, a.Text)
			}
		}
		a := p.Do(&proxytest.Request{
			Method: "POST", Path: "/" + bucket + "/parts", Query: "uploadId=" + u.ID,
			Body: "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + u.ETags[1] +
				"</ETag><ChecksumCRC32>" + *u.Sums[1] + "</ChecksumCRC32></Part></CompleteMultipartUpload>",
		})
		if want := "<Location>" + p.Env["AWS_ENDPOINT_URL"] + "/" + bucket + "/parts</Location>"; a.StatusCode != 200 ||
			!strings.Contains(a.Text, want) {
			t.Errorf("%d %s, want %s in it", a.StatusCode, a.Text, want)
		}
	})

	t.Run("composite checksums need those of all parts", func(t *testing.T) {
		u := proxytest.NewUploader(t, client, bucket, "composite") // with CRC32
		a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/composite",
			Query: "partNumber=1&uploadId=" + u.ID, Body: body,
		})
		if a.StatusCode != 400 || a.Code() != "InvalidRequest" ||
			!strings.Contains(a.Text, "actual checksum Type: null") {
			t.Errorf("a part without one: %d %s, want InvalidRequest", a.StatusCode, a.Text)
		}
	})

	t.Run("a composite checksum in a Complete says of how many parts", func(t *testing.T) {
		u := proxytest.NewUploader(t, client, bucket, "composite-complete")
		u.Part(1, []byte(body))
		raw, err := base64.StdEncoding.DecodeString(*u.Sums[1])
		if err != nil {
			t.Fatal(err)
		}
		sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(raw)))
		for _, c := range []struct{ sent, code string }{
			{sum + "-2", "BadDigest"},
			{"AAAAAA==-1", "BadDigest"},
			{"-1", "InvalidRequest"},
			{sum + "-1", ""},
		} {
			out, err := client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
				Bucket: &bucket, Key: &u.Key, UploadId: &u.ID, ChecksumCRC32: aws.String(c.sent),
				MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{
					PartNumber: aws.Int32(1),
					ETag:       aws.String(u.ETags[1]), ChecksumCRC32: u.Sums[1],
				}}},
			})
			if proxytest.Code(err) != c.code || err == nil && aws.ToString(out.ChecksumCRC32) != c.sent {
				t.Errorf("%s: %v, want %q", c.sent, err, c.code)
			}
		}
	})

	t.Run("If-Unmodified-Since comes before If-None-Match", func(t *testing.T) {
		head := p.Do(&proxytest.Request{Method: "HEAD", Path: "/" + bucket + "/object"})
		for _, method := range []string{"GET", "HEAD"} {
			for since, status := range map[string]int{
				"Mon, 02 Jan 2006 15:04:05 GMT":  412,
				head.Header.Get("Last-Modified"): 304,
			} {
				a := p.Do(&proxytest.Request{Method: method, Path: "/" + bucket + "/object", Header: []sigv4.Field{
					proxytest.Field("If-None-Match", head.Header.Get("ETag")),
					proxytest.Field("If-Unmodified-Since", since),
				}})
				if a.StatusCode != status {
					t.Errorf("%s, If-Unmodified-Since %s: %d, want %d", method, since, a.StatusCode, status)
				}
			}
		}
	})

	t.Run("a form's tags are a document", func(t *testing.T) {
		there := *p
		there.Env = maps.Clone(p.Env)
		there.Env["SEALFRONT_BUCKET"] = bucket
		for document, status := range map[string]int{
			"<Tagging><TagSet><Tag><Key>a b</Key><Value>c+d</Value></Tag></TagSet></Tagging>": 204, "a=b": 400,
			"<Tagging/>": 400,
		} {
			key := fmt.Sprintf("dir/form-%d", status)
			form := &proxytest.Form{
				P: &there, Service: "s3", Key: key, File: "x",
				Fields: [][2]string{{"tagging", document}},
			}
			if a := form.Post(); a.StatusCode != status || status == 400 && a.Code() != "MalformedXML" {
				t.Errorf("%s: %d %s, want %d", document, a.StatusCode, a.Text, status)
			}
		}
		out, err := client.GetObjectTagging(ctx,
			&s3.GetObjectTaggingInput{Bucket: &bucket, Key: aws.String("dir/form-204")})
		if err != nil || len(out.TagSet) != 1 || aws.ToString(out.TagSet[0].Key) != "a b" ||
			aws.ToString(out.TagSet[0].Value) != "c+d" {
			t.Errorf("tags %+v, %v", out, err)
		}
		p.MustNotExist(bucket, "dir/form-400")
	})

	t.Run("buckets by prefix, page by page", func(t *testing.T) {
		proxytest.MakeBucket(t, client, "agreement-b")
		out, err := client.ListBuckets(ctx,
			&s3.ListBucketsInput{Prefix: aws.String("agreement"), MaxBuckets: aws.Int32(1)})
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(out.Prefix) != "agreement" || len(out.Buckets) != 1 ||
			aws.ToString(out.Buckets[0].Name) != bucket || out.ContinuationToken == nil {
			t.Errorf("%+v", out)
		}
		next, err := client.ListBuckets(ctx,
			&s3.ListBucketsInput{Prefix: aws.String("agreement"), ContinuationToken: out.ContinuationToken})
		if err != nil || len(next.Buckets) != 1 || aws.ToString(next.Buckets[0].Name) != "agreement-b" ||
			next.ContinuationToken != nil {
			t.Errorf("the next page: %+v, %v", next, err)
		}
		for _, token := range []string{
			"", "agreement", "agreement-b", "AAAA",
			aws.ToString(out.ContinuationToken) + "!", "YnVja2V0cyBhZnRlciA",
		} {
			if a := p.Do(&proxytest.Request{
				Method: "GET", Path: "/",
				Query: "continuation-token=" + url.QueryEscape(token),
			}); a.StatusCode != 400 ||
				a.Code() != "InvalidArgument" {
				t.Errorf("continuation-token=%s: %d %s, want InvalidArgument", token, a.StatusCode, a.Text)
			}
		}
		for region, most := range map[string]int{p.Env["AWS_REGION"]: 2, "eu-west-1": 0} {
			in, err := client.ListBuckets(ctx,
				&s3.ListBucketsInput{Prefix: aws.String("agreement"), BucketRegion: &region})
			if err != nil || len(in.Buckets) != most {
				t.Errorf("buckets in %s: %+v, %v", region, in.Buckets, err)
			}
		}
		for _, most := range []string{"0", "-3", "10001", "many"} {
			if a := p.Do(&proxytest.Request{
				Method: "GET", Path: "/",
				Query: "max-buckets=" + most,
			}); a.StatusCode != 400 || a.Code() != "InvalidArgument" {
				t.Errorf("max-buckets=%s: %d %s, want InvalidArgument", most, a.StatusCode, a.Text)
			}
		}
	})

	t.Run("uploads by delimiter, page by page", func(t *testing.T) {
		for _, key := range []string{"list/a/1", "list/a/2", "list/b", "list/c/1"} {
			proxytest.NewUploader(t, client, bucket, key)
		}
		var pages []string
		in := &s3.ListMultipartUploadsInput{
			Bucket: &bucket, Prefix: aws.String("list/"), Delimiter: aws.String("/"),
			MaxUploads: aws.Int32(1),
		}
		for {
			out, err := client.ListMultipartUploads(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range out.CommonPrefixes {
				pages = append(pages, aws.ToString(c.Prefix)+" then "+aws.ToString(out.NextKeyMarker))
			}
			for _, u := range out.Uploads {
				pages = append(pages, aws.ToString(u.Key)+" then "+aws.ToString(out.NextKeyMarker))
			}
			if !aws.ToBool(out.IsTruncated) || len(pages) > 9 {
				break
			}
			in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
		}
		if got, want := fmt.Sprint(pages), "[list/a/ then list/a/ list/b then list/b list/c/ then ]"; got != want {
			t.Errorf("pages %s, want %s", got, want)
		}
	})

	t.Run("uploads of one key in the order in which they began", func(t *testing.T) {
		var want, got []string
		for range 4 {
			want = append(want, proxytest.NewUploader(t, client, bucket, "same/key").ID)
		}
		in := &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: aws.String("same/"), MaxUploads: aws.Int32(1)}
		for range want {
			out, err := client.ListMultipartUploads(ctx, in)
			if err != nil || len(out.Uploads) != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
			got = append(got, aws.ToString(out.Uploads[0].UploadId))
			in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		// A page goes on behind an upload that has ended in between, without repeating the ones before.
		slices.Sort(want)
		gone := want[1]
		if _, err := client.AbortMultipartUpload(ctx,
			&s3.AbortMultipartUploadInput{Bucket: &bucket, Key: aws.String("same/key"), UploadId: &gone}); err != nil {
			t.Fatal(err)
		}
		out, err := client.ListMultipartUploads(ctx,
			&s3.ListMultipartUploadsInput{
				Bucket: &bucket, Prefix: aws.String("same/"),
				KeyMarker: aws.String("same/key"), UploadIdMarker: &gone,
			})
		if err != nil || len(out.Uploads) != 2 {
			t.Errorf("behind an upload that has ended: %+v, %v", out, err)
		}
	})

	t.Run("a bucket goes with its uploads", func(t *testing.T) {
		other := proxytest.MakeBucket(t, client, "agreement-short")
		proxytest.NewUploader(t, client, other, "key")
		if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &other}); err != nil {
			t.Error(err)
		}
	})

	t.Run("retention and legal hold can be read", func(t *testing.T) {
		locked := "agreement-locked"
		if _, err := client.CreateBucket(ctx,
			&s3.CreateBucketInput{Bucket: &locked, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
		until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		if _, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &locked, Key: aws.String("key"), Body: strings.NewReader(body),
			ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn,
			ObjectLockMode:            types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: &until,
		}); err != nil {
			t.Fatal(err)
		}
		retention, err := client.GetObjectRetention(ctx,
			&s3.GetObjectRetentionInput{Bucket: &locked, Key: aws.String("key")})
		if err != nil {
			t.Fatal(err)
		}
		if r := retention.Retention; r == nil || r.Mode != types.ObjectLockRetentionModeGovernance ||
			!aws.ToTime(r.RetainUntilDate).Equal(until) {
			t.Errorf("retention %+v, want GOVERNANCE until %s", r, until)
		}
		hold, err := client.GetObjectLegalHold(ctx,
			&s3.GetObjectLegalHoldInput{Bucket: &locked, Key: aws.String("key")})
		if err != nil {
			t.Fatal(err)
		}
		if hold.LegalHold == nil || hold.LegalHold.Status != types.ObjectLockLegalHoldStatusOn {
			t.Errorf("legal hold %+v, want ON", hold.LegalHold)
		}
	})
}
