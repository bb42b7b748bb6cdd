package sigv4

import (
	"strings"
	"unicode/utf8"
)

// Element is a further element of an S3 error document.
type Element struct{ Name, Value string }

// Error is a refusal in S3's words. It holds what S3 would say to the client and nothing secret; the status follows
// from the code. Values that came from the client are echoed with what XML can't hold replaced by U+FFFD, and must
// still be escaped for it.
type Error struct {
	Code     string // S3's: SignatureDoesNotMatch
	Message  string // S3's text
	Elements []Element
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(code, message string, elements ...Element) *Error {
	return &Error{Code: code, Message: message, Elements: elements}
}

// text makes a string to be shown to a client out of bytes that a client sent.
func text(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return utf8.RuneError
		}
		return r
	}, string(b)) // Map makes U+FFFD of invalid UTF-8
}

const (
	oneMechanism = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query " +
		"string parameter " +
		"or the Authorization header should be specified"
	unsupportedMechanism = "The authorization mechanism you have provided is not supported. " +
		"Please use AWS4-HMAC-SHA256."
	conflictingValues = "Conflicting values provided in HTTP headers and query parameters."
	signatureMismatch = "The request signature we calculated does not match the signature you provided. Check " +
		"your key and signing method."
	notSigned          = "There were headers present in the request which were not signed"
	terminatedEarly    = "The request body terminated unexpectedly"
	wrongNumberOfBytes = "You did not provide the number of bytes specified by the Content-Length HTTP header"
	malformedTrailer   = "The request contained trailing data that was not well-formed " +
		"or did not conform to our published schema."
	multipleChecksums = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
)

// grammar is how the faults of a credential are reported: the same words, another code and beginning in the
// Authorization header, in the query and in a form.
type grammar struct{ code, prefix string }

var (
	headerGrammar = &grammar{"AuthorizationHeaderMalformed", "The authorization header is malformed; "}
	queryGrammar  = &grammar{"AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter; "}
	formGrammar   = &grammar{"InvalidArgument", "Error parsing the X-Amz-Credential parameter; "}
)

func (g *grammar) refuse(words string, elements ...Element) *Error {
	return refuse(g.code, g.prefix+words, elements...)
}

// mismatch is the refusal of a wrong signature. The two texts are left out when they are nil, the canonical request
// alone when it is.
func mismatch(accessKeyID, signature, stringToSign, canonicalRequest []byte) *Error {
	e := refuse("SignatureDoesNotMatch", signatureMismatch, Element{"AWSAccessKeyId", text(accessKeyID)})
	if stringToSign != nil {
		e.Elements = append(e.Elements, Element{"StringToSign", text(stringToSign)})
	}
	e.Elements = append(e.Elements, Element{"SignatureProvided", text(signature)})
	if stringToSign != nil {
		e.Elements = append(e.Elements, Element{"StringToSignBytes", spacedHex(stringToSign)})
	}
	if canonicalRequest != nil {
		e.Elements = append(e.Elements, Element{"CanonicalRequest", text(canonicalRequest)},
			Element{"CanonicalRequestBytes", spacedHex(canonicalRequest)})
	}
	return e
}

// spacedHex writes bytes as S3 shows them, "41 57 53 34".
func spacedHex(b []byte) string {
	var s strings.Builder
	s.Grow(3 * len(b))
	for i, c := range b {
		if i > 0 {
			s.WriteByte(' ')
		}
		s.WriteByte(lowerHex[c>>4])
		s.WriteByte(lowerHex[c&15])
	}
	return s.String()
}
