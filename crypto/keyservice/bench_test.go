package keyservice_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// BenchmarkGenerateDataKey is a call over the wire with the root warm, from records in a folder and in a bucket's
// place; the 99th percentile is beside the mean.
func BenchmarkGenerateDataKey(b *testing.B) {
	for _, where := range []string{"folder", "bucket"} {
		b.Run(where, func(b *testing.B) {
			o := options(b.TempDir())
			if where == "bucket" {
				o = replica(newMemory(), newRoot(b))
			}
			s := open(b, o)
			arn, err := s.CreateKey(b.Context(), "")
			if err != nil {
				b.Fatal(err)
			}
			c := client(serve(b, s), accessKey, secretKey)
			var took []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				began := time.Now()
				if _, err := c.GenerateDataKey(b.Context(), &kms.GenerateDataKeyInput{
					KeyId: &arn, NumberOfBytes: aws.Int32(32), EncryptionContext: map[string]string{"for": fmt.Sprint(len(took) % 8)},
				}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
