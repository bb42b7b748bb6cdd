package main

import (
	"fmt"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A kmsRow is what a client gets when a call of KMS fails: row, code and status of section 5.3.
type kmsRow struct {
	row, code string
	status    int
}

var (
	ke5 = kmsRow{"KE-5", "AccessDenied", 403}
	ke6 = kmsRow{"KE-6", "SlowDown", 503}
	ke7 = kmsRow{"KE-7", "ServiceUnavailable", 503}
	ke8 = kmsRow{"KE-8", "InternalError", 500}
)

func ke(n int, name string) kmsRow { return kmsRow{fmt.Sprintf("KE-%d", n), "KMS." + name, 400} }

const kmsHangs = "KE-7 hangs"

// kmsFaults has all that KMS can do instead of answering. A fault that isn't said to concern one call concerns each.
var kmsFaults = []struct {
	name     string
	fault    func(key string) proxytest.KMSFault
	describe *kmsRow // nil: that call works
	generate *kmsRow
	decrypt  *kmsRow
	partial  bool // describe, generate and decrypt differ; else decrypt stands for all
}{
	{
		name: "KE-1 disabled", fault: named("DisabledException", 400, " is disabled."),
		decrypt: row(ke(1, "DisabledException")),
	},
	{
		name: "KE-2 pending deletion", fault: named("KMSInvalidStateException", 400, " is pending deletion."),
		decrypt: row(ke(2, "KMSInvalidStateException")),
	},
	{
		name: "KE-3 gone", fault: named("NotFoundException", 400, " does not exist"),
		decrypt: row(ke(3, "NotFoundException")),
	},
	{
		name: "KE-4 of another use", fault: named("InvalidKeyUsageException", 400, " is for signing."),
		decrypt: row(ke(4, "InvalidKeyUsageException")),
	},
	{name: "KE-5 forbidden", fault: named("AccessDeniedException", 400, " is not for you"), decrypt: &ke5},
	{name: "KE-6 throttled", fault: named("ThrottlingException", 400, ""), decrypt: &ke6},
	{name: "KE-6 over a limit", fault: named("LimitExceededException", 400, ""), decrypt: &ke6},
	{name: "KE-7 internal error", fault: named("KMSInternalException", 500, ""), decrypt: &ke7},
	{name: "KE-7 dependency timeout", fault: named("DependencyTimeoutException", 503, ""), decrypt: &ke7},
	{name: "KE-7 key unavailable", fault: named("KeyUnavailableException", 500, ""), decrypt: &ke7},
	{
		name: "KE-7 the proxy's own credentials are refused", fault: named("UnrecognizedClientException", 400, ""),
		decrypt: &ke7,
	},
	{name: kmsHangs, fault: always(proxytest.KMSHangs), decrypt: &ke7},
	{name: "KE-7 resets the connection", fault: always(proxytest.KMSResets), decrypt: &ke7},
	{name: "KE-7 breaks off its answer", fault: always(proxytest.KMSBreaksOff), decrypt: &ke7},
	{name: "KE-7 answers in HTML", fault: always(proxytest.KMSAnswers(502, "<html>Bad Gateway</html>")), decrypt: &ke7},
	{name: "KE-7 answers 200 in HTML", fault: always(proxytest.KMSAnswers(200, "<html>Welcome</html>")), decrypt: &ke7},
	{name: "KE-7 answers an empty object", fault: always(proxytest.KMSAnswers(200, "{}")), decrypt: &ke7},
	{
		name:  "KE-7 cuts its JSON",
		fault: always(proxytest.KMSAlters(func(body []byte) []byte { return body[:len(body)/2] })), decrypt: &ke7,
	},
	{
		name: "KE-7 KE-8 gives 16 bytes", fault: always(proxytest.KMSAlters(proxytest.WithPlaintext(make([]byte, 16)))),
		generate: &ke7, decrypt: &ke8, partial: true,
	},
	{
		name: "KE-7 KE-8 gives zeros", fault: always(proxytest.KMSAlters(proxytest.WithPlaintext(make([]byte, 32)))),
		generate: &ke7, decrypt: &ke8, partial: true,
	},
	{
		name:  "KE-8 doesn't know the blob",
		fault: always(proxytest.OnDecrypt(proxytest.KMSSays("InvalidCiphertextException", 400, ""))), decrypt: &ke8,
		partial: true,
	},
	{
		name:  "KE-8 another key's blob",
		fault: always(proxytest.OnDecrypt(proxytest.KMSSays("IncorrectKeyException", 400, ""))), decrypt: &ke8, partial: true,
	},
	{name: "slow", fault: always(proxytest.KMSIsSlow(200 * time.Millisecond)), partial: true},
}

// keyRows: PutBucketEncryption asks about a key before it takes it, and has rows of its own for what it hears.
var keyRows = map[string]string{
	"KE-1": "PBE-15", "KE-2": "PBE-16", "KE-3": "PBE-13", "KE-4": "PBE-14", "KE-5": "PBE-11",
}

func row(r kmsRow) *kmsRow { return &r }

func always(f proxytest.KMSFault) func(string) proxytest.KMSFault {
	return func(string) proxytest.KMSFault { return f }
}

func named(name string, status int, about string) func(string) proxytest.KMSFault {
	return func(key string) proxytest.KMSFault { return proxytest.KMSSays(name, status, key+about) }
}

// A kmsNeed says when an operation calls KMS.
type kmsNeed int

const (
	never    kmsNeed = iota
	whenCold         // when the bucket key isn't in memory
	each             // every time
)

// kmsOperations has what OPERATING.md's table "When KMS is away" has. A request names what it makes after the phase.
var kmsOperations = []struct {
	name  string
	need  kmsNeed
	calls string // its calls of KMS, in order: describe, generate, decrypt
	r     func(b *proxytest.KMSBucket, phase string) *proxytest.Request
}{
	{"CreateSession", whenCold, "g", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{Method: "GET", Path: "/" + b.Name, Query: "session=", Service: "s3express"}
	}},
	{"PutObject", whenCold, "g", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		return &proxytest.Request{Method: "PUT", Path: b.Path(phase + "-put"), Body: "body"}
	}},
	{"PutObject in a session", whenCold, "g", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		return &proxytest.Request{
			Method: "PUT", Path: b.Path(phase + "-session"), Body: "body", Service: "s3express", Credentials: b.Session,
		}
	}},
	{"GetObject", whenCold, "d", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{Method: "GET", Path: b.Path("object")}
	}},
	{"GetObject of a range", whenCold, "d", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{
			Method: "GET", Path: b.Path("object"), Header: []sigv4.Field{proxytest.Field("Range", "bytes=1-2")},
		}
	}},
	{"HeadObject", never, "", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{Method: "HEAD", Path: b.Path("object")}
	}},
	{"HeadObject with checksum", whenCold, "d", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{
			Method: "HEAD", Path: b.Path("object"), Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Mode", "ENABLED")},
		}
	}},
	{"PutObject at an offset", whenCold, "d", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		return &proxytest.Request{
			Method: "PUT", Path: b.Path(phase + "-append"), Body: "more",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Write-Offset-Bytes", "4")},
		}
	}},
	{"GetObjectAttributes of the size", never, "", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{
			Method: "GET", Path: b.Path("object"), Query: "attributes=",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Object-Attributes", "ObjectSize,ETag")},
		}
	}},
	{"GetObjectAttributes of the checksum", whenCold, "d", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{
			Method: "GET", Path: b.Path("object"), Query: "attributes=",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Object-Attributes", "Checksum")},
		}
	}},
	{"CopyObject", each, "dg", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		return &proxytest.Request{
			Method: "PUT", Path: b.Path(phase + "-copy"),
			Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", b.Name+"/object")},
		}
	}},
	{"CreateMultipartUpload", whenCold, "g", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		return &proxytest.Request{Method: "POST", Path: b.Path(phase + "-upload"), Query: "uploads="}
	}},
	{"UploadPart", whenCold, "d", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{
			Method: "PUT", Path: b.Path("parts"), Query: "partNumber=1&uploadId=" + b.Parts, Body: "part",
		}
	}},
	{"UploadPartCopy", each, "d", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{
			Method: "PUT", Path: b.Path("parts"), Query: "partNumber=2&uploadId=" + b.Parts,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", b.Name+"/object")},
		}
	}},
	{"CompleteMultipartUpload", whenCold, "d", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		return &proxytest.Request{
			Method: "POST", Path: b.Path(phase + "-complete"), Query: "uploadId=" + b.Uploads[phase], Body: b.Lists[phase],
		}
	}},
	{"AbortMultipartUpload", never, "", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		return &proxytest.Request{Method: "DELETE", Path: b.Path("aborted"), Query: "uploadId=" + b.Aborted[phase]}
	}},
	{"ListParts", never, "", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{Method: "GET", Path: b.Path("parts"), Query: "uploadId=" + b.Parts}
	}},
	{"ListMultipartUploads", never, "", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{Method: "GET", Path: "/" + b.Name, Query: "uploads="}
	}},
	{"RenameObject", whenCold, "d", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		return &proxytest.Request{
			Method: "PUT", Path: b.Path(phase + "-renamed"), Query: "renameObject=",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Rename-Source", "/"+b.Name+"/"+phase+"-from")},
		}
	}},
	{"DeleteObject", never, "", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		return &proxytest.Request{Method: "DELETE", Path: b.Path(phase + "-delete")}
	}},
	{"DeleteObjects", never, "", func(b *proxytest.KMSBucket, phase string) *proxytest.Request {
		document := "<Delete><Object><Key>" + phase + "-deletes</Key></Object></Delete>"
		return &proxytest.Request{
			Method: "POST", Path: "/" + b.Name, Query: "delete=", Body: document,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Crc32", proxytest.CRC32(document))},
		}
	}},
	{"ListObjectsV2", never, "", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{Method: "GET", Path: "/" + b.Name, Query: "list-type=2"}
	}},
	{"HeadBucket", never, "", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{Method: "HEAD", Path: "/" + b.Name, Service: "s3express"}
	}},
	{"GetBucketEncryption", never, "", func(b *proxytest.KMSBucket, _ string) *proxytest.Request {
		return &proxytest.Request{Method: "GET", Path: "/" + b.Name, Query: "encryption=", Service: "s3express"}
	}},
	{
		"PutBucketEncryption", each, "sgd",
		func(b *proxytest.KMSBucket, _ string) *proxytest.Request { return b.Encryption() },
	},
}
