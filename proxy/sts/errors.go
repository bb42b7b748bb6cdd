package sts

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// An Error is one of STS. Cause is for the log.
type Error struct {
	Code    string
	Message string
	Cause   error
}

// The codes.
const (
	AccessDenied          = "AccessDenied"
	ExpiredToken          = "ExpiredToken"          // of temporary credentials
	ExpiredTokenException = "ExpiredTokenException" // of a web identity token
	IDPCommunication      = "IDPCommunicationError"
	IncompleteSignature   = "IncompleteSignature"
	InternalFailure       = "InternalFailure"
	InvalidAction         = "InvalidAction"
	InvalidClientTokenID  = "InvalidClientTokenId"
	InvalidIdentityToken  = "InvalidIdentityToken"
	MalformedPolicy       = "MalformedPolicyDocument"
	MissingAction         = "MissingAction"
	MissingAuthentication = "MissingAuthenticationToken"
	PackedPolicyTooLarge  = "PackedPolicyTooLarge"
	RequestTooLarge       = "RequestEntityTooLarge"
	ServiceUnavailable    = "ServiceUnavailable"
	SignatureDoesNotMatch = "SignatureDoesNotMatch"
	Throttling            = "Throttling"
	ValidationError       = "ValidationError"
)

var statuses = map[string]int{
	AccessDenied: http.StatusForbidden, ExpiredToken: http.StatusForbidden,
	InvalidClientTokenID: http.StatusForbidden, MissingAuthentication: http.StatusForbidden,
	SignatureDoesNotMatch: http.StatusForbidden, RequestTooLarge: http.StatusRequestEntityTooLarge,
	InternalFailure: http.StatusInternalServerError, ServiceUnavailable: http.StatusServiceUnavailable,
}

// Refuse makes an Error.
func Refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because returns e with a cause for the log.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func (e *Error) Unwrap() error { return e.Cause }

// Status is the HTTP status that goes with the code.
func (e *Error) Status() int {
	if status, ok := statuses[e.Code]; ok {
		return status
	}
	return http.StatusBadRequest
}

// Document is the error as STS writes it.
func (e *Error) Document(requestID string) []byte {
	type fault struct{ Type, Code, Message string }
	doc := struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Xmlns     string   `xml:"xmlns,attr"`
		Error     fault
		RequestID string `xml:"RequestId"`
	}{Xmlns: namespace, Error: fault{"Sender", e.Code, e.Message}, RequestID: requestID}
	if e.Status() >= http.StatusInternalServerError {
		doc.Error.Type = "Receiver"
	}
	return marshal(&doc)
}
