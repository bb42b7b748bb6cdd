package sigv4_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// The requests below are those of a proxy at work: heads as aws-sdk-go-v2 and boto3 send them in a session, no two of
// the same bytes, and between them everything else that the program does, which leaves little of this package in the
// processor's caches. "hot" is the plain loop, "cold" walks some memory before every request and times only the rest.

const clientRequests = 16 // of each kind, so that nothing is remembered by address

// clientHeads are request heads of a session, %d is their number and %s the session's token.
var clientHeads = map[string]string{
	"Get": `GET /dir/key%%20%d?x-id=GetObject HTTP/1.1
Host: test--usw2-az1--x-s3.s3.lab.test:9502
User-Agent: aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/s3#1.114.8 m/J,b,e
Accept-Encoding: identity
Amz-Sdk-Invocation-Id: 30e34af8-5b3e-4f2f-a37f-30fcb11c%[1]04d
Amz-Sdk-Request: attempt=1; max=1
Authorization: x
X-Amz-Checksum-Mode: ENABLED
X-Amz-Content-Sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
X-Amz-Date: 20261123T070000Z
X-Amz-S3session-Token: %s
`,
	"Put": `PUT /dir/key%%20%d?x-id=PutObject HTTP/1.1
Host: test--usw2-az1--x-s3.s3.lab.test:9502
User-Agent: aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/s3#1.114.8 m/J,Z,e
Content-Length: 4139
Accept-Encoding: identity
Amz-Sdk-Invocation-Id: 30e34af8-5b3e-4f2f-a37f-30fcb11c%[1]04d
Amz-Sdk-Request: attempt=1; max=1
Authorization: x
Content-Encoding: aws-chunked
Content-Type: application/octet-stream
X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER
X-Amz-Date: 20261123T070000Z
X-Amz-Decoded-Content-Length: 4096
X-Amz-S3session-Token: %s
X-Amz-Trailer: x-amz-checksum-crc32
`,
	"PutBoto3": `PUT /dir/key-%d HTTP/1.1
Host: test--usw2-az1--x-s3.s3.lab.test:9502
Accept-Encoding: identity
x-amz-sdk-checksum-algorithm: CRC32
x-amz-checksum-crc32: i9aeUg==
User-Agent: Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.13.5 cfg/retry-mode#legacy
Expect: 100-continue
X-Amz-Date: 20261123T070000Z
x-amz-s3session-token: %s
X-Amz-Content-SHA256: UNSIGNED-PAYLOAD
Authorization: x
amz-sdk-invocation-id: 30e34af8-5b3e-4f2f-a37f-30fcb11c%[1]04d
amz-sdk-request: attempt=1
Content-Length: 4096
`,
}

func clientMessages(tb testing.TB, kinds ...string) []*sigv4.Message {
	return sessionMessages(tb, 1, kinds...)
}

// sessionMessages are requests of several sessions in turn.
func sessionMessages(tb testing.TB, sessions int, kinds ...string) (messages []*sigv4.Message) {
	signer := sigv4.NewSigner("us-west-2", "s3express")
	c := &sigv4.Credentials{SecretAccessKey: exampleSecret}
	token := strings.Repeat("SessionTokenOf512Bytes/+", 22)[:512]
	for n := range clientRequests {
		c.AccessKeyID = fmt.Sprintf("ASIASESSIONKEY%06d", n%sessions)
		for _, kind := range kinds {
			m := parseHead(tb, fmt.Sprintf(clientHeads[kind], n, token))
			set(m, "Authorization", string(signer.AppendAuthorization(nil, m, c, now)))
			messages = append(messages, m)
		}
	}
	return messages
}

func BenchmarkVerifyClientRequest(b *testing.B) {
	for _, bench := range []struct {
		name     string
		sessions int
		kinds    []string
	}{
		{"Get", 1, []string{"Get"}},
		{"Put", 1, []string{"Put"}},
		{"Mixed", 1, []string{"Get", "Put", "PutBoto3"}},
		{"Sessions", clientRequests, []string{"Put"}},
	} {
		messages := sessionMessages(b, bench.sessions, bench.kinds...)
		v := testVerifier()
		var a sigv4.Authentication
		services := []string{"s3express"}
		benchmarkHotAndCold(b, bench.name, func(i int) {
			m := messages[i%len(messages)]
			if err := v.Read(m, &a, services...); err != nil {
				b.Fatal(err)
			}
			if err := v.Check(m, &a, exampleSecret); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkChunkOptions is what follows Read and Check for every request.
func BenchmarkChunkOptions(b *testing.B) {
	for _, kind := range []string{"Get", "Put"} {
		b.Run(kind, func(b *testing.B) {
			m := clientMessages(b, kind)[0]
			v := testVerifier()
			var a sigv4.Authentication
			for range 2 {
				if err := v.Read(m, &a, "s3express"); err != nil {
					b.Fatal(err)
				}
				if err := v.Check(m, &a, exampleSecret); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.ChunkOptions(m, &a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// storePuts are requests as proxy/store makes them: fixed names, an envelope in one value, another key each.
func storePuts(tb testing.TB) (messages []*sigv4.Message) {
	for n := range clientRequests {
		messages = append(messages, request(tb, "PUT", fmt.Sprintf("/store-bucket/dir/key%%20%d", n),
			"X-Amz-Date: 20261123T070000Z",
			"X-Amz-Content-Sha256: UNSIGNED-PAYLOAD", "Content-Length: 4192", "Content-Type: application/octet-stream",
			"x-amz-meta-sealfront: "+strings.Repeat("envelope", 106)+fmt.Sprint(n)))
	}
	return messages
}

func BenchmarkSignStorePut(b *testing.B) {
	messages := storePuts(b)
	s := sigv4.NewSigner("us-east-1", "s3")
	c := &sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	dst := make([]byte, 0, 1024)
	benchmarkHotAndCold(b, "ours", func(i int) {
		dst = s.AppendAuthorization(dst[:0], messages[i%len(messages)], c, now.Add(time.Duration(i)*time.Millisecond))
	})
}

func benchmarkHotAndCold(b *testing.B, name string, f func(i int)) {
	b.Run(name+"/hot", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			f(i)
		}
	})
	b.Run(name+"/cold", func(b *testing.B) {
		memory := make([]byte, 1<<20)
		var took time.Duration
		for i := 0; b.Loop(); i++ {
			for j := 0; j < len(memory); j += 64 {
				memory[j]++
			}
			start := time.Now()
			f(i)
			took += time.Since(start)
		}
		b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "request-ns")
	})
}
