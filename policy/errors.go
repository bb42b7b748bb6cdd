package policy

import "strings"

// A Refusal is the answer to a request that must not be carried out. It says what an S3 client is
// shown; the HTTP status is derived from Code by whoever writes answers. A Refusal is immutable and
// may be shared between goroutines.
//
// Functions of this package return *Refusal, not error, so that nil compares as expected; store it in
// a variable of type error only after it was found to be other than nil.
type Refusal struct {
	Code     string    // S3's error code, one of Codes
	Message  string    // the text for the client; holds no secret
	Elements []Element // what the error document carries besides Code and Message, in order
	Row      string    // the row or section of the behaviour reference that decided, for metrics and explain
	Allow    string    // the Allow header of a MethodNotAllowed, otherwise ""
}

// An Element is one element of an error document besides Code and Message.
type Element struct{ Name, Value string }

// Error returns code and message, as S3 tools print them.
func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// The error codes this package refuses with.
const (
	codeAccessDenied        = "AccessDenied"
	codeACLNotSupported     = "AccessControlListNotSupported"
	codeBadRequest          = "BadRequest"
	codeEncryptionMismatch  = "EncryptionTypeMismatch"
	codeInvalidArgument     = "InvalidArgument"
	codeInvalidBucketName   = "InvalidBucketName"
	codeInvalidBucketOwner  = "InvalidBucketOwnerAWSAccountID"
	codeInvalidLocation     = "InvalidLocationConstraint"
	codeInvalidRedirect     = "InvalidRedirectLocation"
	codeInvalidRequest      = "InvalidRequest"
	codeInvalidStorageClass = "InvalidStorageClass"
	codeInvalidTag          = "InvalidTag"
	codeInvalidURI          = "InvalidURI"
	codeKeyTooLong          = "KeyTooLongError"
	codeKMSDisabled         = "KMS.DisabledException"
	codeKMSInvalidState     = "KMS.KMSInvalidStateException"
	codeKMSInvalidUsage     = "KMS.InvalidKeyUsageException"
	codeKMSNotFound         = "KMS.NotFoundException"
	codeInternalError       = "InternalError"
	codeMalformedPolicy     = "MalformedPolicy"
	codeMalformedXML        = "MalformedXML"
	codeMethodNotAllowed    = "MethodNotAllowed"
	codeNoSuchBucket        = "NoSuchBucket"
	codeNotImplemented      = "NotImplemented"
	codePreconditionFailed  = "PreconditionFailed"
	codeServiceUnavailable  = "ServiceUnavailable"
	codeSlowDown            = "SlowDown"
)

// Codes returns every code a Refusal of this package can have, so that whoever maps codes to statuses
// can show that the map is complete. The caller owns the slice.
func Codes() []string {
	return []string{
		codeAccessDenied, codeACLNotSupported, codeBadRequest, codeEncryptionMismatch, codeInvalidArgument,
		codeInvalidBucketName, codeInvalidBucketOwner, codeInvalidLocation,
		codeInvalidRedirect, codeInvalidRequest, codeInvalidStorageClass, codeInvalidTag, codeInvalidURI,
		codeKeyTooLong, codeKMSDisabled,
		codeKMSInvalidState, codeKMSInvalidUsage, codeKMSNotFound, codeInternalError, codeMalformedPolicy,
		codeMalformedXML, codeMethodNotAllowed, codeNoSuchBucket, codeNotImplemented,
		codePreconditionFailed, codeServiceUnavailable, codeSlowDown,
	}
}

const (
	notImplementedText = "A header you provided implies functionality that is not implemented"
	malformedXMLText   = "The XML you provided was not well-formed or did not validate against our published schema"
)

// refuse makes a Refusal whose elements are given as alternating names and values. The first of what isn't implemented
// says what that is.
func refuse(row, code, message string, elements ...string) *Refusal {
	r := &Refusal{Code: code, Message: message, Row: row}
	for i := 0; i+1 < len(elements); i += 2 {
		r.Elements = append(r.Elements, Element{elements[i], elements[i+1]})
	}
	if code == codeNotImplemented && len(elements) > 0 {
		r.Message = Naming(message, elements[1])
	}
	return r
}

// Naming returns a message that says what it is about: S3 does so in an element beside it, which most programs don't
// show.
func Naming(message, what string) string {
	if strings.Contains(strings.ToLower(message), strings.ToLower(what)) {
		return message
	}
	return strings.TrimSuffix(message, ".") + ": " + what
}

func invalidArgument(row, name, value, message string) *Refusal {
	return refuse(row, codeInvalidArgument, message, "ArgumentName", name, "ArgumentValue", value)
}

func invalidRequest(row, message string) *Refusal { return refuse(row, codeInvalidRequest, message) }

func headerNotImplemented(row, header string) *Refusal {
	return refuse(row, codeNotImplemented, notImplementedText, "Header", header)
}

func parameterNotImplemented(row, parameter string) *Refusal {
	return refuse(row, codeNotImplemented, "A parameter you provided implies functionality that is not implemented",
		"QueryParameter", parameter)
}

// accessDenied has no more than the plain text: directory buckets have no enhanced messages.
func accessDenied(row string) *Refusal { return refuse(row, codeAccessDenied, "Access Denied") }

func noSuchBucket(row, bucket string) *Refusal {
	return refuse(row, codeNoSuchBucket, "The specified bucket does not exist", "BucketName", bucket)
}

func malformedXML(row string) *Refusal { return refuse(row, codeMalformedXML, malformedXMLText) }

func firstRefusal(refusals ...*Refusal) *Refusal {
	for _, refusal := range refusals {
		if refusal != nil {
			return refusal
		}
	}
	return nil
}
