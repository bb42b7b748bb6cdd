package sigv4

import (
	"bytes"
	"crypto/sha256"
	"time"
)

// Kind is the mechanism by which a request is authenticated.
type Kind uint8

const (
	Anonymous Kind = iota // not at all: Check refuses it
	Header                // an Authorization header
	Presigned             // query parameters
	Form                  // a form POST: ReadForm has to read its fields
)

// String returns the mechanism's name.
func (k Kind) String() string {
	return [...]string{"anonymous", "header", "presigned", "form"}[k&3]
}

// Authentication is what a request says about who sent it. It is meant to be reused: Read sets every field anew.
// Its slices point into the Message it was read from or into its own memory, and are good until either changes.
// One goroutine at a time.
type Authentication struct {
	Kind    Kind
	Payload Payload

	AccessKeyID []byte
	Date        []byte // yyyymmdd, of the scope
	Region      []byte
	Service     []byte
	Scope       []byte // date/region/service/aws4_request

	SessionToken  []byte // x-amz-s3session-token, from header, query or form; nil if absent or empty
	SecurityToken []byte // x-amz-security-token, likewise; never both

	Time        time.Time     // when it was signed
	Expires     time.Duration // how long from Time a presigned request is good; otherwise zero
	PayloadHash []byte        // the last line of the canonical request
	Signature   []byte        // as sent

	signedHeaders []byte // as sent
	timestamp     [16]byte
	bodyHash      [64]byte
	policy        []byte      // of a form: base64, as sent
	key           *signingKey // set when the signature has been found right
	layout        *layout     // of the header, with these signedHeaders; nil if it isn't known
	candidate     *signingKey // of this credential and an unknown secret; nil if none was at hand

	canonical    canonicalizer
	decoded      []byte // query values
	stringToSign []byte
	computed     []byte // signature
	name         []byte // cache name

	// The timestamp parsed last, whoever sent it.
	lastTimestamp [16]byte
	lastTime      time.Time
}

func (a *Authentication) reset() {
	*a = Authentication{
		canonical: a.canonical, decoded: a.decoded, stringToSign: a.stringToSign, computed: a.computed, name: a.name,
		lastTimestamp: a.lastTimestamp, lastTime: a.lastTime,
	}
}

// credential is the value of Credential: akid/date/region/service/aws4_request.
type credential struct {
	accessKeyID, date, region, service []byte
	scope                              []byte // all but the access key id
}

const malformedCredential = `the Credential is mal-formed; ` +
	`expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`

// parseCredential splits from the right, since the access key ids of some stores hold slashes.
func parseCredential(s []byte, g *grammar) (c credential, err error) {
	rest := s
	var parts [4][]byte // date, region, service, terminal
	for i := len(parts) - 1; i >= 0; i-- {
		slash := bytes.LastIndexByte(rest, '/')
		if slash < 0 {
			return credential{}, g.refuse(malformedCredential)
		}
		rest, parts[i] = rest[:slash], rest[slash+1:]
	}
	if len(rest) == 0 {
		return credential{}, g.refuse(malformedCredential)
	}
	for _, b := range s {
		if b <= ' ' { // could be taken for a line of the string to sign
			return credential{}, g.refuse(malformedCredential)
		}
	}
	if !isDate(parts[0]) {
		return credential{}, g.refuse(`incorrect date format "` + text(parts[0]) +
			`". This date in the credential must be in the format "yyyyMMdd".`)
	}
	if string(parts[3]) != terminal {
		return credential{}, g.refuse(`incorrect terminal "` + text(parts[3]) + `". This endpoint uses "aws4_request".`)
	}
	return credential{rest, parts[0], parts[1], parts[2], s[len(rest)+1:]}, nil
}

// checkScope compares what a credential is for with what this endpoint is. The first region and the first service
// are the ones that errors name.
func (v *Verifier) checkScope(a *Authentication, services []string, g *grammar) error {
	if !contains(v.regions, a.Region) {
		words := "the region '" + text(a.Region) + "' is wrong; expecting '" + v.regions[0] + "'"
		if g == headerGrammar {
			return g.refuse(words, Element{"Region", v.regions[0]})
		}
		return g.refuse(words)
	}
	if !contains(services, a.Service) {
		return g.refuse(`incorrect service "` + text(a.Service) + `". This endpoint belongs to "` + services[0] + `".`)
	}
	return nil
}

func contains(list []string, want []byte) bool {
	for _, s := range list {
		if s == string(want) {
			return true
		}
	}
	return false
}

func (a *Authentication) setCredential(c *credential) {
	a.AccessKeyID, a.Date, a.Region, a.Service, a.Scope = c.accessKeyID, c.date, c.region, c.service, c.scope
}

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
