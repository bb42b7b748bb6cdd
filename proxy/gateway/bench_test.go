package gateway

import (
	"strings"
	"testing"

	"sealfront/proxy/s3"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// sdkPut is the header of a PutObject as SDKs send it.
func sdkPut() []sigv4.Field {
	var list []sigv4.Field
	for _, f := range [][2]string{
		{"Host", "127.0.0.1:8443"},
		{"User-Agent", "aws-sdk-go-v2/1.47.7 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/s3#1.114.8"},
		{"Content-Length", "4138"},
		{"Accept-Encoding", "identity"},
		{"Amz-Sdk-Invocation-Id", "0b8c5f0a-6f0e-4b3e-8d80-0123456789ab"},
		{"Amz-Sdk-Request", "attempt=1; max=3"},
		{"Content-Encoding", "aws-chunked"},
		{"Content-Type", "application/octet-stream"},
		{"X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
		{"X-Amz-Date", "20260102T030405Z"},
		{"X-Amz-Decoded-Content-Length", "4096"},
		{"X-Amz-Meta-Owner", "somebody"},
		{"X-Amz-Meta-Purpose", "a benchmark"},
		{"X-Amz-S3session-Token", strings.Repeat("t", 300)},
		{"X-Amz-Sdk-Checksum-Algorithm", "CRC32"},
		{"X-Amz-Trailer", "x-amz-checksum-crc32"},
		{"Authorization", strings.Repeat("a", 400)},
	} {
		list = append(list, sigv4.Field{Name: []byte(f[0]), Value: []byte(f[1])})
	}
	return list
}

// BenchmarkHeaders is what crossing costs the headers of a PutObject: those of the object, and looking one up. The
// floor goes over the fields once.
func BenchmarkHeaders(b *testing.B) {
	x := &exchange{g: &services{o: Options{MetadataHeader: "x-amz-meta-sealfront"}}}
	x.g.o.Abilities.MetadataRoom = true
	x.grant.Header.Fields = sdkPut()
	envelope := []byte(strings.Repeat("e", 600))
	b.Run("to the store", func(b *testing.B) {
		r := &store.Request{}
		b.ReportAllocs()
		for b.Loop() {
			r.Header = r.Header[:0]
			if err := x.setObjectHeaders(r, envelope); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := x.grant.Header.Get("x-amz-trailer"); !ok {
				b.Fatal("it is not there")
			}
		}
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			for _, f := range x.grant.Header.Fields {
				n += len(f.Name) + len(f.Value)
			}
		}
		_ = n
	})
}

func BenchmarkQuery(b *testing.B) {
	raw := []byte("list-type=2&prefix=photos%2F2026%2F&delimiter=%2F&max-keys=1000&encoding-type=url&continuation-token=abc%2Bdef%3D")
	var q s3.Query
	b.ReportAllocs()
	for b.Loop() {
		if q.Parse(raw); len(q.Parameters) != 6 {
			b.Fatal(len(q.Parameters))
		}
	}
}

func BenchmarkETag(b *testing.B) {
	etag := []byte(`"0123456789abcdef0123456789abcdef-12"`)
	b.ReportAllocs()
	for b.Loop() {
		if s3.ClientETag(etag) == "" {
			b.Fatal("no ETag")
		}
	}
}
