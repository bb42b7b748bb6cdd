package objects

import (
	"context"
	"errors"
	"strings"

	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// Translate translates any error into S3's words. What it doesn't know becomes InternalError without its text.
func Translate(err error) *s3.Error {
	var answer *s3.Error
	if errors.As(err, &answer) {
		if answer.Code == "ServiceUnavailable" && errors.Is(answer.Cause, store.ErrNotAsked) {
			return notAsked(answer.Cause)
		}
		return answer
	}
	var refused *policy.Refusal
	if errors.As(err, &refused) {
		e := &s3.Error{Code: refused.Code, Message: refused.Message, Row: refused.Row, Allow: refused.Allow}
		for _, x := range refused.Elements {
			e.Elements = append(e.Elements, s3.Element(x))
		}
		return e
	}
	var signature *sigv4.Error
	if errors.As(err, &signature) {
		e := &s3.Error{Code: signature.Code, Message: signature.Message}
		for _, x := range signature.Elements {
			e.Elements = append(e.Elements, s3.Element(x))
		}
		return e
	}
	var kms interface{ ErrorCode() string }
	if errors.As(err, &kms) {
		return kmsError(kms.ErrorCode(), err)
	}
	var coded interface{ S3Code() string }
	switch {
	case errors.As(err, &coded) && coded.S3Code() == "InvalidObjectState":
		return s3.Refuse("InvalidObjectState", "The object was not sealed by this service and is not served.").Because(err)
	case errors.As(err, &coded) && coded.S3Code() == "MetadataTooLarge":
		return s3.MetadataTooLarge().Because(err)
	case errors.Is(err, state.ErrAborted):
		return s3.OperationAborted().Because(err)
	case errors.Is(err, state.ErrBusy):
		return s3.Refuse("SlowDown",
			"Please reduce your request rate: another operation on this key is in progress.").Because(err)
	case errors.Is(err, keyring.ErrUnavailable):
		e := s3.Unavailable(err)
		e.Row = "KE-7"
		return e
	case errors.Is(err, keyring.ErrBadKey):
		e := s3.Internal(err)
		e.Row = RowForeignBlob
		return e
	case errors.Is(err, store.ErrNotAsked):
		return notAsked(err)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return s3.Unavailable(err)
	}
	return s3.Internal(err)
}

// notAsked is for a request that would only have waited for a store that hangs.
func notAsked(err error) *s3.Error {
	return s3.Refuse("SlowDown",
		"Please reduce your request rate: the store behind this service doesn't answer.").Because(err)
}

// RowForeignBlob: KMS doesn't open what an envelope has as its bucket key. That is no fault of the client's: the
// store's data are altered, or another installation's.
const RowForeignBlob = "KE-8"

// kmsError translates KMS's error names: rows KE-1 to KE-8.
func kmsError(name string, err error) *s3.Error {
	switch strings.TrimSuffix(name, "Exception") {
	case "Disabled":
		return kmsRefusal("KE-1", "KMS.DisabledException", err)
	case "KMSInvalidState":
		return kmsRefusal("KE-2", "KMS.KMSInvalidStateException", err)
	case "NotFound", "InvalidArn":
		return kmsRefusal("KE-3", "KMS.NotFoundException", err)
	case "InvalidKeyUsage":
		return kmsRefusal("KE-4", "KMS.InvalidKeyUsageException", err)
	case "AccessDenied":
		e := s3.AccessDenied().Because(err)
		e.Row = "KE-5"
		return e
	case "Throttling", "LimitExceeded", "RequestLimitExceeded", "TooManyRequests":
		e := s3.Refuse("SlowDown", "Please reduce your request rate for operations involving AWS KMS.").Because(err)
		e.Row = "KE-6"
		return e
	case "InvalidCiphertext", "IncorrectKey":
		e := s3.Internal(err)
		e.Row = RowForeignBlob
		return e
	}
	e := s3.Unavailable(err)
	e.Row = "KE-7"
	return e
}

// kmsRefusal repeats KMS's own message, which contains only the key and its state.
func kmsRefusal(row, code string, err error) *s3.Error {
	message := "The KMS key can't be used."
	var described interface{ ErrorMessage() string }
	if errors.As(err, &described) && described.ErrorMessage() != "" {
		message = described.ErrorMessage()
	}
	e := s3.Refuse(code, message).Because(err)
	e.Row = row
	return e
}
