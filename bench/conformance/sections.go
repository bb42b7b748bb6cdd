package conformance

import (
	"net/http"
	"slices"
	"strings"
)

// transportRows are section 4.2.
func transportRows() []row {
	var rows []row
	plain := func(says, state string, r request, want string) {
		rows = append(rows, row{id: "T-1", says: says, run: func(c *check) {
			if c.plain == nil {
				c.Skip("no endpoint without TLS: -http-endpoint")
			}
			bucket := c.bucket(state)
			c.put(bucket, c.key, ten, "", nil)
			r.bucket, r.key, r.plain, r.as = bucket, c.key, true, c.sessionOn(bucket, r.headers)
			r.headers = ""
			a := c.do(&r)
			switch {
			case r.method == "HEAD":
				c.status(a, http.StatusBadRequest)
			case want == "":
				c.status(a, 200)
			default:
				c.refused(a, want)
				if !strings.Contains(a.element("Message"), "secure connection") {
					c.Errorf("the message is %q", a.element("Message"))
				}
			}
			if got := c.do(&request{method: "GET", bucket: bucket, key: c.key}); want != "" && got.body != ten {
				c.Errorf("the object is %q afterwards", got.body)
			}
		}})
	}
	plain("GET of a KMS object over HTTP", stateKMS, request{method: "GET"}, "InvalidArgument")
	plain("HEAD of a KMS object over HTTP", stateKMS, request{method: "HEAD"}, "InvalidArgument")
	plain("PUT of a KMS object over HTTP", stateKMS, request{method: "PUT", body: "x"}, "InvalidArgument")
	plain("CreateMultipartUpload of KMS over HTTP", stateKMS, request{method: "POST", query: "uploads="},
		"InvalidArgument")
	rows = append(rows,
		row{id: "T-1", says: "CopyObject to KMS over HTTP", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key+"-source", ten, "", nil)
			c.refused(c.do(&request{
				method: "PUT", bucket: bucket, key: c.key, plain: true, headers: "source=" + bucket + "/" + c.key +
					"-source", as: c.long,
			}), "InvalidArgument")
			c.absent(bucket, c.key)
		}},
		row{id: "T-2", says: "GET and PUT of KMS signed with Signature Version 2", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key, ten, "", nil)
			for _, method := range []string{"GET", "PUT"} {
				c.refused(c.do(&request{
					method: method, bucket: bucket, key: c.key, body: map[string]string{"PUT": "x"}[method],
					as: signatureV2,
				}), "InvalidArgument Authorization")
			}
			c.reads(bucket, ten, "kms bk")
		}},
		row{id: "T-2", says: "a URL presigned by Signature Version 2", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key, ten, "", nil)
			query := "AWSAccessKeyId=" + c.long.AccessKeyID + "&Expires=4102444800&Signature=c2lnbmF0dXJl"
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key, query: query, as: anonymous}),
				"InvalidArgument Authorization")
		}},
		row{id: "T-3", says: "AES256 over HTTP is nothing of KMS", open: "?", run: func(c *check) {
			if c.control != nil {
				c.Skip("directory buckets of Amazon S3 aren't reachable over HTTP")
			}
			bucket := c.bucket(stateNone)
			s := c.sessionOn(bucket, "")
			a := c.do(&request{method: "PUT", bucket: bucket, key: c.key, body: ten, plain: true, as: s})
			if a.status == 200 {
				c.encrypted(a, "AES256")
			} else {
				c.refused(a, "InvalidRequest") // an endpoint that requires TLS of everybody
			}
		}},
		row{id: "T-4", says: "anonymous requests", run: func(c *check) {
			for _, state := range []string{stateKMS, stateNone} {
				before := c.stand(c.bucket(state))
				for _, r := range []*request{
					{method: "GET", key: c.key},
					{method: "PUT", key: c.key, body: "x"},
					{method: "GET", query: "list-type=2"},
					{method: "GET", query: "session="},
					{method: "DELETE", key: c.key},
				} {
					r.bucket, r.as = before.bucket, anonymous
					c.refused(c.do(r), "AccessDenied")
				}
				before.unchanged()
			}
		}},
	)
	return rows
}

// sectionRows are sections whose rows have no ids: 1.1, 1.5, 4.6, 6.5 and 6.9.
func sectionRows() []row {
	return []row{
		{id: "1.1", says: "an unknown bucket", run: func(c *check) {
			for _, query := range []string{"list-type=2", "uploads="} {
				name := c.bucketName("none-such")
				c.refused(c.do(&request{method: "GET", bucket: name, query: query, as: c.long}),
					"NoSuchBucket BucketName="+name)
			}
		}},
		{id: "1.1", says: "a bucket name that isn't valid", run: func(c *check) {
			if c.virtual {
				c.Skip("such a name is no host name")
			}
			c.refused(c.do(&request{
				method: "GET", bucket: "UPPER--" + c.zone + "--x-s3", query: "list-type=2", as: c.long,
			}), "InvalidBucketName")
			c.refused(c.do(c.createBucket("-a--"+c.zone+"--x-s3")), "InvalidBucketName")
		}},
		{id: "1.5", says: "no lifecycle", run: func(c *check) {
			a := c.do(&request{method: "GET", bucket: c.bucket(stateNone), query: "lifecycle=", regional: true})
			if a.status == http.StatusNotImplemented {
				c.Skip("the endpoint has no lifecycle configurations")
			}
			c.refused(a, "NoSuchLifecycleConfiguration")
		}},
		{id: "1.5", says: "tags by S3 Control", run: func(c *check) {
			bucket := c.scratch(stateNone, "$K")
			path := "v20180820/tags/arn%3A" + c.partition + "%3As3express%3A" + c.region + "%3A" + c.account +
				"%3Abucket%2F" + bucket
			call := func(method, path, query, body string) *answer {
				return c.do(&request{
					method: method, key: path, query: query, body: body,
					raw: []string{"X-Amz-Account-Id: " + c.account}, as: c.long, regional: true,
				})
			}
			tags := func(want ...string) {
				a := call("GET", path, "", "")
				c.status(a, 200)
				if got := append(elements(a.body, "Key"), elements(a.body, "Value")...); !slices.Equal(got, want) {
					c.Errorf("the tags are %q, want %q", got, want)
				}
			}
			tags()
			tag := func(pairs string) string {
				return `<TagResourceRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Tags>` + pairs +
					"</Tags></TagResourceRequest>"
			}
			c.status(
				call("POST", path, "",
					tag("<Tag><Key>b</Key><Value>1</Value></Tag><Tag><Key>a</Key><Value>2</Value></Tag>")), 204)
			tags("b", "a", "1", "2")
			c.status(call("POST", path, "", tag("<Tag><Key>b</Key><Value>3</Value></Tag>")), 204)
			c.status(call("DELETE", path, "tagKeys=a", ""), 204)
			tags("b", "3")
			c.refused(call("POST", path, "", tag("<Tag><Key>aws:a</Key><Value>1</Value></Tag>")), "InvalidTag")
			c.refused(call("GET", path+"x", "", ""), "NoSuchResource")
		}},
		{id: "4.6", says: "HeadBucket", open: "C-03", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			for _, as := range []*credential{c.sessionOn(bucket, ""), c.long} {
				a := c.do(&request{method: "HEAD", bucket: bucket, as: as})
				c.status(a, 200)
				arn := "arn:" + c.partition + ":s3express:" + c.region + ":" + c.account + ":bucket/" + bucket
				for name, want := range map[string]string{
					"X-Amz-Bucket-Arn": arn, "X-Amz-Bucket-Location-Name": c.zone,
					"X-Amz-Bucket-Location-Type": "AvailabilityZone",
					"X-Amz-Bucket-Region":        c.region, "X-Amz-Access-Point-Alias": "false",
				} {
					if got := a.header.Get(name); got != want {
						c.Errorf("%s is %q, want %q", name, got, want)
					}
				}
			}
			a := c.do(&request{method: "HEAD", bucket: c.bucketName("none-such"), as: c.long})
			if a.status != 404 || a.body != "" {
				c.Errorf("HEAD of an unknown bucket: %d %q", a.status, a.body)
			}
		}},
		{id: "6.5", says: "ListObjectsV2: keys, sizes, pages, common prefixes", run: func(c *check) {
			bucket := c.scratch(stateKMS, "$K")
			for _, key := range []string{"a", "dir/b", "dir/c", "dir/deep/d"} {
				c.put(bucket, key, ten, "", nil)
			}
			seen, token := map[string]bool{}, ""
			for range 4 {
				a := c.do(&request{method: "GET", bucket: bucket, query: token + "list-type=2&max-keys=1"})
				c.status(a, 200)
				for _, key := range elements(a.body, "Key") {
					if seen[key] {
						c.Errorf("%s is listed twice", key)
					}
					seen[key] = true
					if a.element("Size") != "10" || a.element("StorageClass") != "EXPRESS_ONEZONE" {
						c.Errorf("%s", a.body)
					}
				}
				if a.element("IsTruncated") != "true" {
					break
				}
				token = "continuation-token=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(
					a.element("NextContinuationToken")) + "&"
			}
			if len(seen) != 4 {
				c.Errorf("listed: %v", seen)
			}
			a := c.do(&request{method: "GET", bucket: bucket, query: "delimiter=%2F&list-type=2&prefix=dir%2F"})
			if keys := elements(a.body, "Key"); len(keys) != 2 ||
				!strings.Contains(a.body, "<CommonPrefixes><Prefix>dir/deep/</Prefix></CommonPrefixes>") {
				c.Errorf("with prefix and delimiter: %s", a.body)
			}
		}},
		{id: "6.7", says: "CopyObject with REPLACE, DeleteObjects", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.do(&request{
				method: "PUT", bucket: bucket, key: c.key + "-source", body: ten,
				raw: []string{"x-amz-meta-colour: blue"},
			})
			for directive, want := range map[string]string{"COPY": "blue", "REPLACE": "red"} {
				r := &request{
					method: "PUT", bucket: bucket, key: c.key, as: c.long, headers: "source=" + bucket + "/" + c.key +
						"-source x-amz-metadata-directive=" + directive,
				}
				if directive == "REPLACE" {
					r.raw = []string{"x-amz-meta-colour: red"}
				}
				c.status(c.do(r), 200)
				if a := c.do(&request{method: "HEAD", bucket: bucket, key: c.key}); a.header.Get(
					"X-Amz-Meta-Colour") != want {
					c.Errorf("%s: the colour is %q", directive, a.header.Get("X-Amz-Meta-Colour"))
				}
			}
			body := "<Delete><Object><Key>" + c.key + "</Key></Object><Object><Key>" + c.key +
				"-missing</Key></Object></Delete>"
			a := c.do(withCRC32(&request{method: "POST", bucket: bucket, query: "delete=", body: body}))
			c.status(a, 200)
			if len(elements(a.body, "Deleted")) != 2 {
				c.Errorf("DeleteObjects: %s", a.body)
			}
			c.absent(bucket, c.key)
		}},
		{id: "6.7", says: "DeleteObjects of more than 1000 keys", run: func(c *check) {
			before := c.stand(c.bucket(stateNone))
			body := "<Delete>" + strings.Repeat("<Object><Key>"+c.key+"</Key></Object>", 1001) + "</Delete>"
			c.refused(c.do(withCRC32(&request{method: "POST", bucket: before.bucket, query: "delete=", body: body})),
				"MalformedXML")
			before.unchanged()
		}},
		{id: "6.8", says: "a body without Content-Length", run: func(c *check) {
			before := c.stand(c.bucket(stateKMS))
			c.refused(c.do(&request{method: "PUT", bucket: before.bucket, key: c.key, body: "x", chunked: true}),
				"MissingContentLength")
			before.unchanged()
		}},
		{id: "6.8", says: "keys that climb above the root", open: "?", run: func(c *check) {
			for _, key := range []string{"../" + c.key, "a/../../" + c.key, ".."} {
				c.refused(c.do(&request{method: "PUT", bucket: c.bucket(stateKMS), key: key, body: "x"}), "InvalidURI")
			}
		}},
		{id: "6.8", says: "a key of 1024 bytes", run: func(c *check) {
			bucket, long := c.bucket(stateKMS), c.key+"/"+strings.Repeat("d/", 400)
			key := long + strings.Repeat("k", 1024-len(long))
			a := c.do(&request{method: "PUT", bucket: bucket, key: key, body: ten})
			c.status(a, 200)
			if a := c.do(&request{method: "GET", bucket: bucket, key: key}); a.body != ten {
				c.Errorf("GET: %s %q", a, a.body)
			}
		}},
		{id: "6.9", says: "CreateBucket", run: func(c *check) {
			bucket := c.bucketName("made")
			c.willBe(bucket)
			a := c.do(c.createBucket(bucket))
			c.status(a, 200)
			if a.header.Get("Location") == "" {
				c.Error("no Location")
			}
			if arn := a.header.Get("X-Amz-Bucket-Arn"); !strings.HasSuffix(arn, ":bucket/"+bucket) {
				c.Errorf("x-amz-bucket-arn is %q", arn)
			}
			c.refused(c.do(c.createBucket(bucket)), "BucketAlreadyOwnedByYou")
			c.put(bucket, c.key, ten, "", nil)
			c.refused(c.do(&request{method: "DELETE", bucket: bucket, regional: true}),
				"BucketNotEmpty BucketName="+bucket)
		}},
		{id: "6.9", says: "CreateBucket with another zone than the name's", open: "?", run: func(c *check) {
			r := c.createBucket(c.bucketName("zone"))
			r.body = strings.ReplaceAll(r.body, "<Name>"+c.zone+"<", "<Name>other-az9<")
			c.refused(c.do(r), "InvalidBucketName")
		}},
		{id: "6.9", says: "CreateBucket and DeleteBucket without permission", run: func(c *check) {
			r := c.createBucket(c.bucketName("nobody"))
			r.as = c.limitedTo("nobody")
			c.refused(c.do(r), "AccessDenied")
			c.refused(c.do(&request{
				method: "DELETE", bucket: c.bucket(stateNone), regional: true, as: c.limitedTo("nobody"),
			}), "AccessDenied")
		}},
		{id: "6.9", says: "ListDirectoryBuckets", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			a := c.do(&request{method: "GET", regional: true})
			c.status(a, 200)
			if !strings.Contains(a.body, "<ListAllMyDirectoryBucketsResult") ||
				!strings.Contains(a.body, "<Name>"+bucket+"</Name>") {
				c.Errorf("%s", a.body)
			}
		}},
	}
}
