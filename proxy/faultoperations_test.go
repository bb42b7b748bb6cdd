package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

func putOf(n int, old bool, header ...sigv4.Field) (prepare func(*faultCase), do func(*faultCase) told) {
	return func(c *faultCase) {
			c.old, c.new = absent, string(proxytest.RandomBytes(n))
			if old {
				c.old = string(proxytest.RandomBytes(n + 1))
				c.p.Put(faultyBucket, c.key, c.old)
			}
		}, func(c *faultCase) told {
			return toldBy(c.p.Do(&proxytest.Request{
				Method: "PUT", Path: "/" + faultyBucket + "/" + c.key, Body: c.new, Header: header,
			}))
		}
}

// reads is the model of an operation that only reads: what is there stays.
func reads(c *faultCase, _ told) (holds, bad string) {
	body, problem := c.read(c.key)
	if problem == "" && body != c.old {
		problem = "the object is another"
	}
	if c.old != absent {
		c.kept[c.key] = c.old
	}
	return "unchanged", problem
}

// getOf reads from..to and fails when a wrong byte comes out, or a short body as a whole one.
func getOf(n int, span string, from, to int) (prepare func(*faultCase), do func(*faultCase) told) {
	return func(c *faultCase) {
			if n > 5*proxytest.MiB {
				c.old = string(c.big) + "the end"
				c.p.FullUpload(c.client, faultyBucket, c.key, c.big, []byte("the end"))
			} else {
				c.old = string(proxytest.RandomBytes(n))
				c.p.Put(faultyBucket, c.key, c.old)
			}
		}, func(c *faultCase) told {
			r := &proxytest.Request{Method: "GET", Path: "/" + faultyBucket + "/" + c.key}
			want := c.old
			if span != "" {
				r.Header = []sigv4.Field{proxytest.Field("Range", span)}
				want = c.old[from:to]
			}
			a := c.p.Do(r)
			if a.StatusCode/100 == 2 && (!strings.HasPrefix(want, a.Text) || a.Err == nil && a.Text != want) {
				c.t.Errorf("GET %s of %d bytes: %d bytes that are not the object's, %v", span, n, len(a.Text), a.Err)
			}
			return toldBy(a)
		}
}

func operation(
	name string, prepare func(*faultCase), do func(*faultCase) told, holds func(*faultCase, told) (string, string),
	done ...string,
) faultOperation {
	return faultOperation{name: name, prepare: prepare, do: do, holds: holds, done: done}
}

// faultOperations are all that the table knows.
func faultOperations() []faultOperation {
	ops := make([]faultOperation, 0, 24)
	add := func(name string, prepare func(*faultCase), do func(*faultCase) told, holds func(*faultCase, told) (string, string), done ...string) {
		ops = append(ops, operation(name, prepare, do, holds, done...))
	}
	pair := func(name string, holds func(*faultCase, told) (string, string), done ...string) func(func(*faultCase), func(*faultCase) told) {
		return func(prepare func(*faultCase), do func(*faultCase) told) { add(name, prepare, do, holds, done...) }
	}
	pair("PutObject small", oldOrNew)(putOf(1000, true))
	pair("PutObject large", oldOrNew)(putOf(700_000, true))
	pair("PutObject if none", oldOrNew,
		"412 PreconditionFailed")(putOf(1000, false, proxytest.Field("If-None-Match", "*")))
	pair("GetObject small", reads)(getOf(1000, "", 0, 0))
	pair("GetObject large", reads)(getOf(700_000, "", 0, 0))
	pair("GetObject range", reads)(getOf(700_000, "bytes=70000-299999", 70_000, 300_000))
	pair("GetObject suffix", reads)(getOf(700_000, "bytes=-100", 699_900, 700_000))
	pair("GetObject multipart range",
		reads)(getOf(5*proxytest.MiB+7, "bytes=5242870-5242885", 5*proxytest.MiB-10, 5*proxytest.MiB+6))
	add("DeleteObject", func(c *faultCase) {
		c.old, c.new = string(proxytest.RandomBytes(1000)), absent
		c.p.Put(faultyBucket, c.key, c.old)
	}, func(c *faultCase) told {
		return toldBy(c.p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + faultyBucket + "/" + c.key}))
	}, oldOrNew)
	add("ListObjectsV2", func(c *faultCase) {
		c.old = absent
		c.p.Put(faultyBucket, c.key+"/1", "x")
		c.p.Put(faultyBucket, c.key+"/2", "x")
	}, func(c *faultCase) told {
		a := c.p.Do(&proxytest.Request{Method: "GET", Path: "/" + faultyBucket, Query: "list-type=2&prefix=" + c.key + "%2F"})
		if t := toldBy(a); !t.ok ||
			strings.Contains(a.Text, "<Key>"+c.key+"/1</Key>") && strings.Contains(a.Text, "<Key>"+c.key+"/2</Key>") {
			return t
		}
		return told{ok: true, says: "200, keys missing"}
	}, reads)
	addCopies(add)
	addUpdates(add)
	addUploads(add)
	addBuckets(add)
	return ops
}

type addOperation = func(name string, prepare func(*faultCase), do func(*faultCase) told, holds func(*faultCase, told) (string, string), done ...string)

func addCopies(add addOperation) {
	source := func(n int) func(*faultCase) {
		return func(c *faultCase) {
			c.old, c.new = string(proxytest.RandomBytes(50)), string(proxytest.RandomBytes(n))
			c.p.Put(faultyBucket, c.key, c.old)
			c.p.Put(faultyBucket, c.key+"-source", c.new)
		}
	}
	copied := func(header ...sigv4.Field) func(*faultCase) told {
		return func(c *faultCase) told {
			return toldBy(c.p.CopyOf(faultyBucket+"/"+c.key+"-source", faultyBucket+"/"+c.key, header...))
		}
	}
	sourceStays := func(c *faultCase, t told) (string, string) {
		if body, problem := c.read(c.key + "-source"); problem != "" || body != c.new {
			return "damage", "the source is not what it was: " + problem
		}
		return oldOrNew(c, t)
	}
	add("CopyObject by the store", source(300_000), copied(), sourceStays)
	add("CopyObject sealed anew", source(300_000), copied(proxytest.Field("X-Amz-Checksum-Algorithm", "SHA256")),
		sourceStays)
	add("RenameObject", func(c *faultCase) {
		c.old, c.new = absent, string(proxytest.RandomBytes(300_000))
		c.p.Put(faultyBucket, c.key+"-source", c.new)
	}, func(c *faultCase) told {
		return toldBy(c.p.Rename(faultyBucket, c.key+"-source", c.key))
	}, func(c *faultCase, t told) (string, string) {
		from, problem := c.read(c.key + "-source")
		to, problem2 := c.read(c.key)
		switch problem += problem2; {
		case problem != "":
			return "damage", problem
		case from == c.new && to == absent && !t.ok:
			return "old name", ""
		case from == c.new && to == c.new && !t.ok:
			return "both names", ""
		case from == absent && to == c.new:
			c.kept[c.key] = c.new
			return "new name", ""
		}
		return "other", "not the object under its old name, its new one or both"
	}, "404 NoSuchKey")
	appended := func(n, more int) (func(*faultCase), func(*faultCase) told) {
		return func(c *faultCase) {
				if n >= 5*proxytest.MiB {
					c.old = string(c.big)
				} else {
					c.old = string(proxytest.RandomBytes(n))
				}
				c.p.Put(faultyBucket, c.key, c.old)
				c.new = c.old + string(proxytest.RandomBytes(more))
			}, func(c *faultCase) told {
				return toldBy(c.p.AppendTo(faultyBucket, c.key, len(c.old), c.new[len(c.old):]))
			}
	}
	prepare, do := appended(1000, 70_000)
	add("append to a small object", prepare, do, oldOrNew, "400 InvalidWriteOffset")
	prepare, do = appended(5*proxytest.MiB, 1000)
	add("append to a large object", prepare, do, oldOrNew, "400 InvalidWriteOffset")
}

// updatedKey is the KMS key of updates: the service key, which an envelope names.
func (r *faultRun) updatedKey() string {
	r.t.Helper()
	if r.kmsKey == "" {
		if a := r.p.Do(&proxytest.Request{Method: "PUT", Path: "/" + updatedBucket}); a.StatusCode != 200 {
			r.t.Fatal(a.StatusCode, a.Text)
		}
		r.p.Put(updatedBucket, "first", "x")
		out, errs, status := proxytest.Subcommand(r.t, "inspect", "--config", r.p.ConfigFile(),
			"s3://"+updatedBucket+"/first")
		if r.kmsKey = proxytest.Between(out, `"kmsKey": "`, `"`); r.kmsKey == "" {
			r.t.Fatal(status, out, errs)
		}
	}
	return r.kmsKey
}

// An update of the encryption leaves the old envelope or the new one, over the same bytes: the object reads at any
// time.
func addUpdates(add addOperation) {
	for _, size := range []int{1000, 300_000} {
		name, n := "UpdateObjectEncryption", size
		if size == 1000 {
			name += " small"
		}
		add(name, func(c *faultCase) {
			c.updatedKey()
			c.old = string(proxytest.RandomBytes(n))
			c.p.Put(updatedBucket, c.key, c.old)
		}, func(c *faultCase) told {
			return toldBy(c.p.Do(&proxytest.Request{
				Method: "PUT", Path: "/" + updatedBucket + "/" + c.key, Query: "encryption=",
				Body: "<ObjectEncryption><SSE-KMS><KMSKeyArn>" + c.updatedKey() + "</KMSKeyArn></SSE-KMS></ObjectEncryption>",
			}))
		}, func(c *faultCase, t told) (string, string) {
			a := c.p.Do(&proxytest.Request{Method: "GET", Path: "/" + updatedBucket + "/" + c.key})
			is := a.Header.Get("X-Amz-Server-Side-Encryption")
			switch {
			case a.StatusCode != 200 || a.Text != c.old:
				return "damage", fmt.Sprintf("it can't be read: %d %s %v", a.StatusCode, a.Code(), a.Err)
			case is == "aws:kms":
				return "the new envelope", ""
			case t.ok:
				return "old", "acknowledged, and sealed under the old key"
			}
			return "the old envelope", ""
		})
	}
}

func addUploads(add addOperation) {
	begun := func(c *faultCase) {
		c.old, c.new = string(proxytest.RandomBytes(50)), string(c.big)+"the stashed end"
		c.p.Put(faultyBucket, c.key, c.old)
		c.upload = proxytest.NewUploader(c.t, c.client, faultyBucket, c.key)
		c.upload.Part(1, c.big)
	}
	add("CreateMultipartUpload", func(c *faultCase) {
		c.old, c.new = absent, absent
	}, func(c *faultCase) told {
		return toldBy(c.p.Do(&proxytest.Request{Method: "POST", Path: "/" + faultyBucket + "/" + c.key, Query: "uploads="}))
	}, oldOrNew)
	// A part is sent again under its number. What was acknowledged last counts; a part that was not acknowledged may have
	// taken the place of an older one, which Complete then says.
	again := func(number int32, first, second []byte) (func(*faultCase), func(*faultCase) told) {
		return func(c *faultCase) {
				c.old, c.new = absent, string(second)
				c.upload = proxytest.NewUploader(c.t, c.client, faultyBucket, c.key)
				c.upload.Part(number, first)
			}, func(c *faultCase) told {
				out, err := c.client.UploadPart(c.t.Context(),
					&s3.UploadPartInput{
						Bucket: &c.upload.Bucket, Key: &c.key, UploadId: &c.upload.ID, PartNumber: &number, Body: bytes.NewReader(second),
					})
				if err == nil {
					c.upload.ETags[number], c.upload.Sums[number] = *out.ETag, out.ChecksumCRC32
				}
				return toldError(err)
			}
	}
	parts := func(number int32, first []byte) func(c *faultCase, t told) (string, string) {
		return func(c *faultCase, t told) (string, string) {
			if body, _ := c.read(c.key); body != absent {
				if body == c.new && c.kept[c.key] == c.new {
					return "the part sent last", "" // looked at before
				}
				return "other", "a part is visible before its Complete"
			}
			_, err := c.upload.Complete(number)
			body, problem := c.read(c.key)
			switch {
			case problem != "":
				return "damage", problem
			case err == nil && t.ok && body == c.new:
				c.kept[c.key] = c.new
				return "the part sent last", ""
			case err == nil && !t.ok && body == string(first):
				c.kept[c.key] = body
				return "the part sent first", ""
			case proxytest.Code(err) == "InvalidPart" && (!t.ok || c.lies) && body == absent:
				return "no part that was listed", ""
			}
			return "other", fmt.Sprintf("the part was acknowledged: %t; Complete: %v", t.ok, err)
		}
	}
	big := proxytest.RandomBytes(5*proxytest.MiB + 1)
	prepare, do := again(1, []byte("first"), []byte("second"))
	add("UploadPart small", prepare, do, parts(1, []byte("first")), "NoSuchUpload")
	prepare, do = again(1, big, append([]byte("x"), big...))
	// an early refusal of 5 MiB may be cut short
	add("UploadPart large", prepare, do, parts(1, big), "NoSuchUpload", "no answer")
	add("CompleteMultipartUpload", func(c *faultCase) {
		begun(c)
		c.upload.Part(2, []byte("the stashed end"))
	}, func(c *faultCase) told {
		_, err := c.upload.Complete(1, 2)
		return toldError(err)
	}, oldOrNew)
	add("AbortMultipartUpload", func(c *faultCase) {
		begun(c)
		c.new = c.old
	}, func(c *faultCase) told {
		_, err := c.client.AbortMultipartUpload(c.t.Context(),
			&s3.AbortMultipartUploadInput{Bucket: &c.upload.Bucket, Key: &c.key, UploadId: &c.upload.ID})
		return toldError(err)
	}, func(c *faultCase, t told) (string, string) {
		holds, bad := oldOrNew(c, t)
		if !t.ok || bad != "" {
			return holds, bad
		}
		if _, err := c.upload.Complete(1); err == nil {
			bad = "completed after its abort was acknowledged"
		}
		return holds, bad
	}, "NoSuchUpload")
}

func addBuckets(add addOperation) {
	document := strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", "usw2-az1", 1)
	nothing := func(*faultCase) {}
	name := func(c *faultCase) string { return strings.ToLower(c.key) + "--usw2-az1--x-s3" }
	add("CreateBucket", nothing, func(c *faultCase) told {
		return toldBy(c.p.Do(&proxytest.Request{Method: "PUT", Path: "/" + name(c), Body: document}))
	}, func(c *faultCase, t told) (string, string) {
		a := c.p.Do(&proxytest.Request{Method: "PUT", Path: "/" + name(c) + "/key", Body: "body"})
		switch {
		case a.StatusCode == 200:
			return "a bucket", ""
		case a.Code() == "NoSuchBucket" && !t.ok:
			return "no bucket", ""
		}
		return "other", fmt.Sprintf("PUT into it: %d %s", a.StatusCode, a.Code())
	}, "409 BucketAlreadyOwnedByYou")
	add("CreateSession", nothing, func(c *faultCase) told {
		return toldBy(c.p.Do(&proxytest.Request{
			Method: "GET", Path: "/" + faultyBucket, Query: "session=", Service: "s3express",
		}))
	}, func(*faultCase, told) (string, string) { return "no state", "" })
	rules := func(c *faultCase, sid string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":%q,"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/guest"},"Action":"s3express:CreateSession","Resource":"arn:aws:s3express:us-west-2:123456789012:bucket/%s"}]}`, sid, name(c))
	}
	add("PutBucketPolicy (record)", func(c *faultCase) {
		c.p.Do(&proxytest.Request{Method: "PUT", Path: "/" + name(c), Body: document})
		c.p.Do(&proxytest.Request{Method: "PUT", Path: "/" + name(c), Query: "policy=", Body: rules(c, "old")})
	}, func(c *faultCase) told {
		return toldBy(c.p.Do(&proxytest.Request{Method: "PUT", Path: "/" + name(c), Query: "policy=", Body: rules(c, "new")}))
	}, func(c *faultCase, t told) (string, string) {
		a := c.p.Do(&proxytest.Request{Method: "GET", Path: "/" + name(c), Query: "policy="})
		switch {
		case a.Text == rules(c, "new"):
			return "new", ""
		case a.Text == rules(c, "old") && !t.ok:
			return "old", ""
		}
		return "other", fmt.Sprintf("%d %s", a.StatusCode, a.Text)
	})
}
