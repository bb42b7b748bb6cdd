package s3

import (
	"errors"
	"net/http"

	"sealfront/policy"
)

// An Error is an answer in S3's words. Leaves return errors of their own, which a bridge translates.
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

// Because adds what the log should know.
func (e *Error) Because(err error) *Error {
	e.Cause = err
	return e
}

// Internal is 500 for a fault of ours or of the store's; err is for the log.
func Internal(err error) *Error {
	return Refuse("InternalError", "We encountered an internal error. Please try again.").Because(err)
}

// Unavailable is 503 for what may pass by itself; err is for the log.
func Unavailable(err error) *Error {
	return Refuse("ServiceUnavailable", "Service is unable to handle request.").Because(err)
}

// NoSuchBucket is 404 for a bucket that doesn't exist, or that the caller may not know of.
func NoSuchBucket(bucket string) *Error {
	return Refuse("NoSuchBucket", "The specified bucket does not exist", "BucketName", bucket)
}

// NoSuchKey is 404 for an object that doesn't exist.
func NoSuchKey(key string) *Error {
	return Refuse("NoSuchKey", "The specified key does not exist.", "Key", key)
}

// AccessDenied is 403 without a reason: none is given to whoever has no permission.
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

// ClientLeft is a client that didn't wait for all of its answer. It is for logs and metrics: nobody reads it any more.
func ClientLeft(err error) *Error {
	return Refuse("ClientLeft", "The client left before it had the answer.").Because(err)
}

// RequestTimeout is 400 for a client that sends or reads too slowly; err is for the log.
func RequestTimeout(err error) *Error {
	return Refuse("RequestTimeout",
		"Your socket connection to the server was not read from or written to within the timeout period. Idle connections "+
			"will be closed.").Because(err)
}

// SlowDown is 503 for what there is no room for now.
func SlowDown() *Error { return Refuse("SlowDown", "Please reduce your request rate.") }

// MalformedXML is 400 for a document that isn't what the operation takes; err is for the log.
func MalformedXML(err error) *Error {
	return Refuse("MalformedXML",
		"The XML you provided was not well-formed or did not validate against our published schema").Because(err)
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

// ErrorIn is the answer that err tells, nil for none.
func ErrorIn(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	errors.As(err, &e)
	return e
}
