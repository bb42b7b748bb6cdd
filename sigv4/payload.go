package sigv4

// Payload is how a request's body is covered by its signature, as x-amz-content-sha256 announces it.
type Payload uint8

const (
	PayloadUnsigned            Payload = iota // UNSIGNED-PAYLOAD: a plain body, not covered
	PayloadHash                               // a plain body, whose SHA-256 Authentication.CheckPayload compares
	PayloadSignedChunks                       // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
	PayloadSignedChunksTrailer                // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
	PayloadUnsignedTrailer                    // STREAMING-UNSIGNED-PAYLOAD-TRAILER

	// PayloadBody is the way of services other than S3: the hash isn't announced, and the caller computes it from the
	// body and gives it to Authentication.SetPayloadHash before Check.
	PayloadBody
)

// UnsignedPayload is the value of X-Amz-Content-Sha256 for a body that the signature doesn't cover.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

// The values of X-Amz-Content-Sha256 for aws-chunked bodies.
const (
	signedChunksPayload        = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedChunksTrailerPayload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedTrailerPayload     = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// Chunked reports whether the body is aws-chunked and needs a ChunkReader.
func (p Payload) Chunked() bool {
	return p == PayloadSignedChunks || p == PayloadSignedChunksTrailer || p == PayloadUnsignedTrailer
}

// String returns the value of X-Amz-Content-Sha256, or what stands for it.
func (p Payload) String() string {
	switch p {
	case PayloadUnsigned:
		return UnsignedPayload
	case PayloadHash:
		return "hash"
	case PayloadSignedChunks:
		return signedChunksPayload
	case PayloadSignedChunksTrailer:
		return signedChunksTrailerPayload
	case PayloadUnsignedTrailer:
		return unsignedTrailerPayload
	case PayloadBody:
		return "body"
	}
	return "unknown"
}
