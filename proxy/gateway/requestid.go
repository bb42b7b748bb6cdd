package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// hostID is the x-amz-id-2 of this process.
var hostID = func() string {
	var b [24]byte
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rand.Uint64())
	}
	return hex.EncodeToString(b[:])
}()

// newRequestID makes the x-amz-request-id: 16 upper-case characters, like S3's.
func newRequestID() string {
	const digits = "0123456789ABCDEF"
	var id [16]byte
	for i, v := 0, rand.Uint64(); i < len(id); i, v = i+1, v>>4 { // nothing secret: it tells requests apart
		id[i] = digits[v&15]
	}
	return string(id[:])
}
