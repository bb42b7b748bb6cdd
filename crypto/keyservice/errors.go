package keyservice

import "fmt"

// Error is an error of the KMS protocol: its name, which SDKs dispatch on, and its text.
type Error struct {
	Type    string // NotFoundException
	Message string
}

// Error returns name and text.
func (e *Error) Error() string { return e.Type + ": " + e.Message }

// ErrorCode returns the name, as the SDK's errors do.
func (e *Error) ErrorCode() string { return e.Type }

func fail(name, format string, args ...any) *Error {
	return &Error{Type: name, Message: fmt.Sprintf(format, args...)}
}

func validation(format string, args ...any) *Error {
	return fail("ValidationException", format, args...)
}

func unsupported(format string, args ...any) *Error {
	return fail("UnsupportedOperationException", format, args...)
}

func disabled(arn string) *Error { return fail("DisabledException", "%s is disabled.", arn) }

func invalidState(arn, state string) *Error {
	return fail("KMSInvalidStateException", "%s is %s.", arn, state)
}

// status is the HTTP status: KMS answers 400 to everything but its own failures.
func (e *Error) status() int {
	switch e.Type {
	case "KMSInternalException", "InternalFailure":
		return 500
	case "DependencyTimeoutException", "ServiceUnavailableException":
		return 503
	}
	return 400
}
