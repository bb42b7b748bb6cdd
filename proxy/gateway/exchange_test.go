package gateway

import (
	"reflect"
	"testing"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
)

// A later request must not see what an earlier one worked with.
func TestNothingOfARequestIsLeftInItsMemory(t *testing.T) {
	x := new(exchange)
	used := &x.scratch
	used.plain = plainBody{x: x, length: 3, read: 3}
	used.integrity.trailer, used.integrity.want, used.integrity.announced = "x-amz-checksum-crc32", []byte{1}, true
	kind := s3.ChecksumOf(crypto.CRC32)
	used.integrity.hash = used.integrity.hashOf(kind)
	used.integrity.hash.Write([]byte("plaintext"))
	used.existing = policy.Encryption{KeyARN: "arn:aws:kms:us-west-2:123456789012:key/1"}
	used.options = policy.Options{Existing: &used.existing}

	used.forget()
	if got := used.integrity.hashOf(kind).Sum(nil); !reflect.DeepEqual(got, kind.Make().Sum(nil)) {
		t.Errorf("a hash begins with %x", got)
	}
	used.integrity.hashes = requestScratch{}.integrity.hashes
	if !reflect.DeepEqual(*used, requestScratch{}) {
		t.Errorf("left: %+v", *used)
	}
}
