package proxytest

import (
	"net/url"
	"strings"

	"sealfront/sigv4"
)

// A KMSBucket is an SSE-KMS directory bucket with a KMS key, objects and uploads of its own.
type KMSBucket struct {
	P         *Program
	Name, Key string
	Session   *sigv4.Credentials
	Parts     string            // an upload
	Uploads   map[string]string // one to complete, for each phase
	Aborted   map[string]string
	Lists     map[string]string
}

// Path is the path of a request for an object.
func (b *KMSBucket) Path(key string) string { return "/" + b.Name + "/" + key }

// Encryption is the request that makes SSE-KMS with the bucket's key its default.
func (b *KMSBucket) Encryption() *Request {
	return &Request{
		Method: "PUT", Path: "/" + b.Name, Query: "encryption=", Service: "s3express",
		Body: `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>` +
			`<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>` + b.Key + `</KMSMasterKeyID>` +
			`</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
	}
}

// Must sends a request that has to succeed.
func (b *KMSBucket) Must(r *Request) *Answer {
	b.P.T.Helper()
	a := b.P.Do(r)
	if a.StatusCode/100 != 2 || a.Err != nil {
		b.P.T.Fatalf("%s %s?%s: %d %s %v", r.Method, r.Path, r.Query, a.StatusCode, a.Text, a.Err)
	}
	return a
}

// NewKMSBucket makes an empty SSE-KMS directory bucket.
func NewKMSBucket(p *Program, name, key string) *KMSBucket {
	p.T.Helper()
	b := &KMSBucket{
		P: p, Name: name, Key: key, Uploads: make(map[string]string), Aborted: make(map[string]string),
		Lists: make(map[string]string),
	}
	b.Must(&Request{Method: "PUT", Path: "/" + name, Service: "s3express", Body: DirectoryBucketDocument})
	b.Must(b.Encryption())
	return b
}

// NewFilledKMSBucket makes an SSE-KMS directory bucket with a session, objects, and uploads to part, complete and
// abort.
func NewFilledKMSBucket(p *Program, name, key string) *KMSBucket {
	p.T.Helper()
	b := NewKMSBucket(p, name, key)
	b.Session = p.Session(name)
	upload := func(key string) string {
		id := Element(b.Must(&Request{Method: "POST", Path: b.Path(key), Query: "uploads="}).Text, "UploadId")
		return url.QueryEscape(id)
	}
	b.Parts = upload("parts")
	b.Must(&Request{Method: "PUT", Path: b.Path("object"), Body: "body"})
	for _, phase := range []string{"warm", "cold"} {
		for _, key := range []string{"-from", "-delete", "-deletes", "-append"} {
			b.Must(&Request{Method: "PUT", Path: b.Path(phase + key), Body: "body"})
		}
		b.Aborted[phase] = upload("aborted")
		b.Uploads[phase] = upload(phase + "-complete")
		etag := b.Must(&Request{
			Method: "PUT", Path: b.Path(phase + "-complete"), Query: "partNumber=1&uploadId=" + b.Uploads[phase],
			Body: "part",
		}).Header.Get("ETag")
		b.Lists[phase] = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag +
			"</ETag></Part></CompleteMultipartUpload>"
	}
	return b
}

// keys lists what is there.
func (b *KMSBucket) keys() string {
	b.P.T.Helper()
	var keys []string
	for rest := b.Must(&Request{Method: "GET", Path: "/" + b.Name, Query: "list-type=2"}).Text; ; {
		_, after, ok := strings.Cut(rest, "<Key>")
		if !ok {
			return strings.Join(keys, " ")
		}
		key, more, _ := strings.Cut(after, "</Key>")
		keys, rest = append(keys, key), more
	}
}

// Has compares the keys with those in want, in any order.
func (b *KMSBucket) Has(when, want string) {
	b.P.T.Helper()
	got := strings.Fields(b.keys())
	missing := make(map[string]bool)
	for _, key := range strings.Fields(want) {
		missing[key] = true
	}
	for _, key := range got {
		if !missing[key] {
			b.P.T.Errorf("%s there is %s", when, key)
		}
		delete(missing, key)
	}
	if len(missing) > 0 {
		b.P.T.Errorf("%s these are missing: %v", when, missing)
	}
}
