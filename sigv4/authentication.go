package sigv4

import "time"

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
