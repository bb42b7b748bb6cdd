package session_test

import (
	"testing"

	"sealfront/proxy/session"
)

// BenchmarkOpen is what every request of a session costs before its signature is looked at.
func BenchmarkOpen(b *testing.B) {
	issued, err := session.Issue(b.Context(), newKeys(),
		session.Session{
			Principal: "app", Bucket: "b--z--x-s3", Incarnation: "i", KMS: true,
			KeyARN: "arn:aws:kms:r:1:key/k",
		}, now)
	if err != nil {
		b.Fatal(err)
	}
	k := newKeys()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := session.Open(b.Context(), k, issued.Token, now); err != nil {
			b.Fatal(err)
		}
	}
}
