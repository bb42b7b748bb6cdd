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

type Element struct{ Name, Value string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }
func (e *Error) Unwrap() error { return e.Cause }

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

func Internal(err error) *Error {
	return Refuse("InternalError", "We encountered an internal error. Please try again.").Because(err)
}

func Unavailable(err error) *Error {
	return Refuse("ServiceUnavailable", "Service is unable to handle request.").Because(err)
}

func NoSuchBucket(bucket string) *Error {
	return Refuse("NoSuchBucket", "The specified bucket does not exist", "BucketName", bucket)
}

func NoSuchKey(key string) *Error {
	return Refuse("NoSuchKey", "The specified key does not exist.", "Key", key)
}

func AccessDenied() *Error { return Refuse("AccessDenied", "Access Denied") }

func PreconditionFailed(condition string) *Error {
	return Refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "Condition", condition)
}

func InvalidArgument(name, value, message string) *Error {
	return Refuse("InvalidArgument", message, "ArgumentName", name, "ArgumentValue", value)
}

func IncompleteBody(err error) *Error {
	return Refuse("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header").Because(err)
}

// ClientLeft is a client that didn't wait for all of its answer. It is for logs and metrics: nobody reads it any more.
func ClientLeft(err error) *Error {
	return Refuse("ClientLeft", "The client left before it had the answer.").Because(err)
}

func RequestTimeout(err error) *Error {
	return Refuse("RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.").Because(err)
}

// SlowDown is 503 for what there is no room for now.
func SlowDown() *Error { return Refuse("SlowDown", "Please reduce your request rate.") }

func MalformedXML(err error) *Error {
	return Refuse("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema").Because(err)
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
