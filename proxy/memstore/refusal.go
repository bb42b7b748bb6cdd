package memstore

import (
	"errors"
	"io"
	"net/http"

	"sealfront/sigv4"
)

// A refusal is an S3 error code that is the answer.
type refusal string

func refuse(code string) error { return refusal(code) }

// Error is the code.
func (r refusal) Error() string { return string(r) }

// errFull is the answer beyond MaxBytes: a status that stores give for it, and no code of S3's own.
var errFull = refuse("XMinioStorageFull")

// refusals are the codes and their statuses.
var refusals = map[refusal]int{
	"AccessDenied":              http.StatusForbidden,
	"BadDigest":                 http.StatusBadRequest,
	"BucketAlreadyOwnedByYou":   http.StatusConflict,
	"BucketNotEmpty":            http.StatusConflict,
	"EntityTooLarge":            http.StatusBadRequest,
	"EntityTooSmall":            http.StatusBadRequest,
	"IncompleteBody":            http.StatusBadRequest,
	"InternalError":             http.StatusInternalServerError,
	"InvalidAccessKeyId":        http.StatusForbidden,
	"InvalidArgument":           http.StatusBadRequest,
	"InvalidBucketName":         http.StatusBadRequest,
	"InvalidDigest":             http.StatusBadRequest,
	"InvalidPart":               http.StatusBadRequest,
	"InvalidPartOrder":          http.StatusBadRequest,
	"InvalidRange":              http.StatusRequestedRangeNotSatisfiable,
	"InvalidRequest":            http.StatusBadRequest,
	"InvalidURI":                http.StatusBadRequest,
	"KeyTooLongError":           http.StatusBadRequest,
	"MalformedXML":              http.StatusBadRequest,
	"MaxMessageLengthExceeded":  http.StatusBadRequest,
	"MetadataTooLarge":          http.StatusBadRequest,
	"MethodNotAllowed":          http.StatusMethodNotAllowed,
	"MissingContentLength":      http.StatusLengthRequired,
	"NoSuchBucket":              http.StatusNotFound,
	"NoSuchKey":                 http.StatusNotFound,
	"NoSuchUpload":              http.StatusNotFound,
	"NotImplemented":            http.StatusNotImplemented,
	"NotModified":               http.StatusNotModified,
	"PreconditionFailed":        http.StatusPreconditionFailed,
	"ServiceUnavailable":        http.StatusServiceUnavailable,
	"SlowDown":                  http.StatusServiceUnavailable,
	"XAmzContentSHA256Mismatch": http.StatusBadRequest,
	"XMinioStorageFull":         http.StatusInsufficientStorage,
}

// answerTo is the code and status of any error. A body that ended early is the client's fault, and its
// connection is as a rule gone.
func answerTo(err error) (code string, status int) {
	var r refusal
	var signature *sigv4.Error
	switch {
	case errors.As(err, &r):
		if status := refusals[r]; status != 0 {
			return string(r), status
		}
	case errors.As(err, &signature):
		if status := refusals[refusal(signature.Code)]; status != 0 {
			return signature.Code, status
		}
		if signature.Code == "SignatureDoesNotMatch" || signature.Code == "RequestTimeTooSkewed" {
			return signature.Code, http.StatusForbidden
		}
		return signature.Code, http.StatusBadRequest
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "IncompleteBody", http.StatusBadRequest
	}
	return "InternalError", http.StatusInternalServerError
}
