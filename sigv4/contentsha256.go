package sigv4

import "crypto/sha256"

const invalidContentSHA256 = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, " +
	"STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, " +
	"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, " +
	"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value."

// readPayload sorts the value of x-amz-content-sha256 of a header-signed request.
func (a *Authentication) readPayload(value []byte, count int, s3 bool) error {
	if count == 0 {
		if !s3 {
			a.Payload = PayloadBody
			return nil
		}
		return refuse("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	}
	a.PayloadHash = value
	if count > 1 { // which of them would be the hash?
		return invalidPayload(value)
	}
	switch string(value) {
	case UnsignedPayload:
		a.Payload = PayloadUnsigned
	case emptyHash: // of nearly all requests without a body
		a.Payload = PayloadHash
	case signedChunksPayload:
		a.Payload = PayloadSignedChunks
	case signedChunksTrailerPayload:
		a.Payload = PayloadSignedChunksTrailer
	case unsignedTrailerPayload:
		a.Payload = PayloadUnsignedTrailer
	case signedChunksPayloadV4A, signedChunksTrailerPayloadV4A:
		return refuse("InvalidRequest", unsupportedMechanism)
	default:
		if len(value) != 2*sha256.Size || !isHex(value) {
			return invalidPayload(value)
		}
		a.Payload = PayloadHash
	}
	return nil
}

const (
	signedChunksPayloadV4A        = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
	signedChunksTrailerPayloadV4A = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"
)

func invalidPayload(value []byte) error {
	return refuse("InvalidArgument", invalidContentSHA256,
		Element{"ArgumentName", "x-amz-content-sha256"}, Element{"ArgumentValue", text(value)})
}

// readPresignedPayload does the same for a presigned request. There every value but UNSIGNED-PAYLOAD is a hash, the
// streaming markers too, which then match no body.
func (a *Authentication) readPresignedPayload(value []byte) {
	if len(value) == 0 || string(value) == UnsignedPayload {
		a.Payload = PayloadUnsigned
		a.PayloadHash = unsignedPayload
		return
	}
	a.Payload, a.PayloadHash = PayloadHash, value
}

var unsignedPayload = []byte(UnsignedPayload)

// SetPayloadHash sets the hash of the body when Payload is PayloadBody.
func (a *Authentication) SetPayloadHash(sum *[sha256.Size]byte) {
	a.PayloadHash = appendHex(a.bodyHash[:0], sum)
}

// CheckPayload compares the SHA-256 of the whole plain body with the announced one. It returns nil for payloads that
// announce none. The announced hash may be in either case.
func (a *Authentication) CheckPayload(sum *[sha256.Size]byte) error {
	if a.Payload != PayloadHash {
		return nil
	}
	if len(a.PayloadHash) == 2*sha256.Size && isHex(a.PayloadHash) {
		var announced [sha256.Size]byte
		for i := range announced {
			announced[i] = unhex[a.PayloadHash[2*i]]<<4 | unhex[a.PayloadHash[2*i+1]]
		}
		if announced == *sum {
			return nil
		}
	}
	return refuse("XAmzContentSHA256Mismatch",
		"The provided 'x-amz-content-sha256' header does not match what was computed.",
		Element{"ClientComputedContentSHA256", text(a.PayloadHash)},
		Element{"S3ComputedContentSHA256", string(appendHex(nil, sum))})
}
