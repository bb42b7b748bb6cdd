package s3

import (
	"errors"
	"net/http"
	"strings"

	"sealfront/policy"
)

// An Error is an answer in S3's words. Leaf packages return errors of their own, which package objects translates.
type Error struct {
	Code     string
	Message  string
	Elements []Element
	Row      string // of the behaviour reference, for metrics
	Allow    string
	Header   []Element // further headers of the answer
	Cause    error     // for the log, never for the client
}

// An Element is one more element of an error's document, or a header of its answer.
type Element struct{ Name, Value string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }
func (e *Error) Unwrap() error { return e.Cause }

// Refuse returns the error with this code and message. elements are names and values of further elements of its
// document.
func Refuse(code, message string, elements ...string) *Error {
	e := &Error{Code: code, Message: message}
	for i := 0; i+1 < len(elements); i += 2 {
		e.Elements = append(e.Elements, Element{elements[i], elements[i+1]})
	}
	if code == "NotImplemented" && len(elements) > 0 {
		e.Message = policy.Naming(message, elements[1])
	}
	return e
}

// Because adds the cause, for the log.
func (e *Error) Because(err error) *Error {
	e.Cause = err
	return e
}

// Internal is 500 for a fault of the proxy or of the store; err is for the log.
func Internal(err error) *Error {
	return Refuse("InternalError", "We encountered an internal error. Please try again.").Because(err)
}

// Unavailable is 503 for a temporary fault; err is for the log.
func Unavailable(err error) *Error {
	return Refuse("ServiceUnavailable", "Service is unable to handle request.").Because(err)
}

// NoSuchBucket is 404 for a bucket that doesn't exist, or whose existence the caller must not learn.
func NoSuchBucket(bucket string) *Error {
	return Refuse("NoSuchBucket", "The specified bucket does not exist", "BucketName", bucket)
}

// NoSuchKey is 404 for an object that doesn't exist.
func NoSuchKey(key string) *Error {
	return Refuse("NoSuchKey", "The specified key does not exist.", "Key", key)
}

// AccessDenied is 403 without a reason: a caller without permission gets none.
func AccessDenied() *Error { return Refuse("AccessDenied", "Access Denied") }

// PreconditionFailed is 412; condition is the header that didn't hold.
func PreconditionFailed(condition string) *Error {
	return Refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "Condition",
		condition)
}

// InvalidArgument is 400 for a header or parameter with a value that it can't have.
func InvalidArgument(name, value, message string) *Error {
	return Refuse("InvalidArgument", message, "ArgumentName", name, "ArgumentValue", value)
}

// IncompleteBody is 400 for a body that isn't as long as its head says; err is for the log.
func IncompleteBody(err error) *Error {
	return Refuse("IncompleteBody",
		"You did not provide the number of bytes specified by the Content-Length HTTP header").Because(err)
}

// ClientLeft is for a client that disconnected before the end of its answer. It is for logs and metrics only.
func ClientLeft(err error) *Error {
	return Refuse("ClientLeft", "The client left before it had the answer.").Because(err)
}

// RequestTimeout is 400 for a client that sends or reads too slowly; err is for the log.
func RequestTimeout(err error) *Error {
	return Refuse("RequestTimeout",
		"Your socket connection to the server was not read from or written to within the timeout period. Idle connections "+
			"will be closed.").Because(err)
}

// SlowDown is 503 for a request beyond a limit.
func SlowDown() *Error { return Refuse("SlowDown", "Please reduce your request rate.") }

// MalformedXML is 400 for a document that isn't the one the operation takes; err is for the log.
func MalformedXML(err error) *Error {
	return Refuse("MalformedXML",
		"The XML you provided was not well-formed or did not validate against our published schema").Because(err)
}

// InvalidURI is 400 for a path or a key that can't be one.
func InvalidURI(uri string) *Error {
	return Refuse("InvalidURI", "Couldn't parse the specified URI.", "URI", strings.ToValidUTF8(uri, "\uFFFD"))
}

// MissingContentLength is 411 for a body of unknown length.
func MissingContentLength() *Error {
	return Refuse("MissingContentLength", "You must provide the Content-Length HTTP header.")
}

// EntityTooLarge is 400 for a body that is too long; elements may say by how much.
func EntityTooLarge(elements ...string) *Error {
	return Refuse("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", elements...)
}

// MetadataTooLarge is 400 for user metadata that there is no room for; elements may say how much there is.
func MetadataTooLarge(elements ...string) *Error {
	return Refuse("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", elements...)
}

// ConditionalRequestConflict is 409 for a key that another request has changed meanwhile.
func ConditionalRequestConflict(key string) *Error {
	return Refuse("ConditionalRequestConflict",
		"The conditional request cannot succeed due to a conflicting operation against this resource.", "Key", key)
}

// OperationAborted is 409 for what another operation is changing; elements may name it.
func OperationAborted(elements ...string) *Error {
	return Refuse("OperationAborted",
		"A conflicting conditional operation is currently in progress against this resource. Please try again.", elements...)
}

// NoSuchUpload is 404 for an upload that doesn't exist or is over; elements may name it.
func NoSuchUpload(elements ...string) *Error {
	return Refuse("NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may "+
		"have been aborted or completed.", elements...)
}

// InvalidPart is 400 for a part that an upload doesn't have; elements name both.
func InvalidPart(elements ...string) *Error {
	return Refuse("InvalidPart", "One or more of the specified parts could not be found.  The part may not have been "+
		"uploaded, or the specified entity tag may not match the part's entity tag.", elements...)
}

// InvalidPartOrder is 400 for a list of parts that isn't in order; elements name the upload.
func InvalidPartOrder(elements ...string) *Error {
	return Refuse("InvalidPartOrder",
		"The list of parts was not in ascending order. Parts must be ordered by part number.",
		elements...)
}

// statuses maps S3's codes. Source: behaviour reference 7.2. What isn't here is 400.
var statuses = map[string]int{
	"AccessDenied":                            403,
	"BucketAlreadyExists":                     409,
	"BucketAlreadyOwnedByYou":                 409,
	"BucketNotEmpty":                          409,
	"ConditionalRequestConflict":              409,
	"InternalError":                           500,
	"InvalidAccessKeyId":                      403,
	"InvalidChunkSizeError":                   403,
	"InvalidObjectState":                      403,
	"InvalidPartNumber":                       416,
	"InvalidRange":                            416,
	"MethodNotAllowed":                        405,
	"MissingAuthenticationToken":              403,
	"MissingContentLength":                    411,
	"NoSuchBucket":                            404,
	"NoSuchBucketPolicy":                      404,
	"IllegalVersioningConfigurationException": 400,
	"InvalidBucketState":                      409,
	"NoSuchCORSConfiguration":                 404,
	"NoSuchConfiguration":                     404,
	"NoSuchKey":                               404,
	"NoSuchObjectLockConfiguration":           404,
	"NoSuchPublicAccessBlockConfiguration":    404,
	"NoSuchResource":                          404,
	"NoSuchTagSet":                            404,
	"NoSuchVersion":                           404,
	"NoSuchWebsiteConfiguration":              404,
	"ObjectLockConfigurationNotFoundError":    404,
	"OwnershipControlsNotFoundError":          404,
	"ReplicationConfigurationNotFoundError":   404,
	"NoSuchLifecycleConfiguration":            404,
	"NoSuchUpload":                            404,
	"NotImplemented":                          501,
	"NotModified":                             304,
	"OperationAborted":                        409,
	"PreconditionFailed":                      412,
	"RequestTimeTooSkewed":                    403,
	"ServiceUnavailable":                      503,
	"SignatureDoesNotMatch":                   403,
	"SlowDown":                                503,
}

// Status returns the HTTP status of an S3 error code.
func Status(code string) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusBadRequest
}

// ErrorIn returns the Error in err's chain, nil for none.
func ErrorIn(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	errors.As(err, &e)
	return e
}
