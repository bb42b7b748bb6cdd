package gateway

import (
	"errors"
	"net/http"

	"sealfront/policy"
)

// An s3Error is an answer in S3's words. Leaves return errors of their own, which a bridge translates.
type s3Error struct {
	code     string
	message  string
	elements []element
	row      string // of the behaviour reference, for metrics
	allow    string
	header   []element // further headers of the answer
	cause    error     // for the log, never for the client
}

type element struct{ Name, Value string }

func (e *s3Error) Error() string { return e.code + ": " + e.message }
func (e *s3Error) Unwrap() error { return e.cause }

func refusal(code, message string, elements ...string) *s3Error {
	e := &s3Error{code: code, message: message}
	for i := 0; i+1 < len(elements); i += 2 {
		e.elements = append(e.elements, element{elements[i], elements[i+1]})
	}
	if code == "NotImplemented" && len(elements) > 0 {
		e.message = policy.Naming(message, elements[1])
	}
	return e
}

// because adds what the log should know.
func (e *s3Error) because(err error) *s3Error {
	e.cause = err
	return e
}

func internal(err error) *s3Error {
	return refusal("InternalError", "We encountered an internal error. Please try again.").because(err)
}

func unavailable(err error) *s3Error {
	return refusal("ServiceUnavailable", "Service is unable to handle request.").because(err)
}

func noSuchBucket(bucket string) *s3Error {
	return refusal("NoSuchBucket", "The specified bucket does not exist", "BucketName", bucket)
}

func noSuchKey(key string) *s3Error {
	return refusal("NoSuchKey", "The specified key does not exist.", "Key", key)
}

func accessDenied() *s3Error { return refusal("AccessDenied", "Access Denied") }

func preconditionFailed(condition string) *s3Error {
	return refusal("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "Condition", condition)
}

func invalidArgument(name, value, message string) *s3Error {
	return refusal("InvalidArgument", message, "ArgumentName", name, "ArgumentValue", value)
}

func incompleteBody(err error) *s3Error {
	return refusal("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header").because(err)
}

// clientLeft is a client that didn't wait for all of its answer. It is for logs and metrics: nobody reads it any more.
func clientLeft(err error) *s3Error {
	return refusal("ClientLeft", "The client left before it had the answer.").because(err)
}

func requestTimeout(err error) *s3Error {
	return refusal("RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.").because(err)
}

func malformedXML(err error) *s3Error {
	return refusal("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema").because(err)
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

// status returns the HTTP status of an S3 error code.
func status(code string) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusBadRequest
}

// s3ErrorIn is the answer that err tells, nil for none.
func s3ErrorIn(err error) *s3Error {
	if err == nil {
		return nil
	}
	var e *s3Error
	errors.As(err, &e)
	return e
}
