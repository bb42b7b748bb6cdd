package gateway

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/valyala/fasthttp"

	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// answerTo translates any error into S3's words. What it doesn't know becomes InternalError without its text.
func answerTo(err error) *s3.Error {
	var answer *s3.Error
	if errors.As(err, &answer) {
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
		return s3.Refuse("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").Because(err)
	case errors.Is(err, state.ErrAborted):
		return s3.Refuse("OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again.").Because(err)
	case errors.Is(err, state.ErrBusy):
		return s3.Refuse("SlowDown", "Please reduce your request rate: another operation on this key is under way.").Because(err)
	case errors.Is(err, keyring.ErrUnavailable):
		e := s3.Unavailable(err)
		e.Row = "KE-7"
		return e
	case errors.Is(err, keyring.ErrBadKey):
		e := s3.Internal(err)
		e.Row = rowForeignBlob
		return e
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return s3.Unavailable(err)
	}
	return s3.Internal(err)
}

// rowForeignBlob: KMS doesn't open what an envelope has as its bucket key. That is no fault of the client's: the store's
// data are altered, or another installation's.
const rowForeignBlob = "KE-8"

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
		e.Row = rowForeignBlob
		return e
	}
	e := s3.Unavailable(err)
	e.Row = "KE-7"
	return e
}

// kmsRefusal repeats KMS's own message, which names the key and its state and nothing else.
func kmsRefusal(row, code string, err error) *s3.Error {
	message := "The KMS key can't be used."
	var told interface{ ErrorMessage() string }
	if errors.As(err, &told) && told.ErrorMessage() != "" {
		message = told.ErrorMessage()
	}
	e := s3.Refuse(code, message).Because(err)
	e.Row = row
	return e
}

// storeError translates an answer of the store about a bucket or key of the client. The store's own
// authentication failures are the proxy's fault.
func storeError(f *store.Fault, bucket, key string) *s3.Error {
	switch {
	case f.Code == "ObjectParentIsFile" || f.Code == "ExistingObjectIsDirectory" || f.Code == "DirectoryObjectContainsData":
		return s3.Refuse("InvalidURI", "The store behind this service can't hold an object beside another one whose name is a directory of its name.").Because(f)
	case f.Code == "NoSuchBucket":
		return s3.NoSuchBucket(bucket).Because(f)
	case f.Code == "InvalidTag":
		return s3.Refuse("InvalidTag", keptErrors[f.Code]).Because(f)
	case f.Status == 404 && f.Code != "NoSuchUpload":
		if key == "" {
			return s3.NoSuchBucket(bucket).Because(f)
		}
		return s3.NoSuchKey(key).Because(f)
	case f.Code == "NoSuchUpload":
		return s3.Refuse("NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").Because(f)
	case f.Status == 412:
		return s3.Refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold").Because(f)
	case f.Status == 409 && f.Code == "BucketNotEmpty":
		return s3.Refuse("BucketNotEmpty", "The bucket you tried to delete is not empty", "BucketName", bucket).Because(f)
	case f.Status == 409:
		return s3.Refuse("ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.", "Key", key).Because(f)
	case f.Status == 429 || f.Code == "SlowDown":
		return s3.Refuse("SlowDown", "Please reduce your request rate.").Because(f)
	case f.Status == 503 || f.Status == 502 || f.Status == 504:
		return s3.Unavailable(f)
	case f.Status == 400 && f.Code == "KeyTooLongError", f.Status == 400 && f.Code == "InvalidArgument" && key != "":
		// What the client could have sent right was checked before; the store has narrower names than S3.
		return s3.Refuse("InvalidURI", "The store behind this service can't hold an object of this name.").Because(f)
	case f.Code == "InvalidURI" && key != "", // another proxy of this kind is the store
		f.Code == "XMinioInvalidObjectName", f.Code == "XMinioInvalidResourceName", f.Status == 400 && f.Operation == "HeadObject" && longSegment(key): // HEAD tells no code
		return s3.Refuse("InvalidURI", "The store behind this service can't hold an object of this name.").Because(f)
	case f.Code == "RequestHeaderSectionTooLarge" || f.Status == http.StatusRequestHeaderFieldsTooLarge:
		return s3.Refuse("MetadataTooLarge", "The store behind this service takes no request with metadata and tags of this size.").Because(f)
	case f.Code == "EntityTooLarge":
		return s3.Refuse("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").Because(f)
	case f.Code == "MetadataTooLarge":
		return s3.Refuse("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").Because(f)
	case f.Status == 507 || f.Code == "XMinioStorageFull" || f.Code == "QuotaExceeded":
		return s3.Unavailable(f)
	case f.Status == 501:
		return s3.Refuse("NotImplemented", "A header you provided implies functionality that is not implemented").Because(f)
	}
	return s3.Internal(f)
}

// longSegment reports whether a key has a segment that most file systems have no name for.
func longSegment(key string) bool {
	for segment := range strings.SplitSeq(key, "/") {
		if len(segment) > 255 {
			return true
		}
	}
	return false
}

// writeError answers with e. HEAD and 304 have no body. The documents of S3 Control have one more element around them, without
// which SDKs don't find the code.
func writeError(resp *fasthttp.Response, e *s3.Error, requestID, hostID string, head, control bool) {
	code := s3.Status(e.Code)
	resp.SetStatusCode(code)
	if e.Allow != "" {
		resp.Header.Set("Allow", e.Allow)
	}
	for _, h := range e.Header {
		resp.Header.Set(h.Name, h.Value)
	}
	if head || code == http.StatusNotModified {
		resp.SkipBody = true
		return
	}
	var b strings.Builder
	b.WriteString(xml.Header)
	if control {
		b.WriteString(`<ErrorResponse xmlns="` + controlNamespace + `">`)
	}
	b.WriteString("<Error>")
	field := func(name, value string) {
		b.WriteString("<" + name + ">")
		_ = xml.EscapeText(&b, []byte(value)) // a character that XML lacks is lost: the code must be read
		b.WriteString("</" + name + ">")
	}
	field("Code", e.Code)
	field("Message", e.Message)
	for _, x := range e.Elements {
		field(x.Name, x.Value)
	}
	if control {
		b.WriteString("</Error>")
	}
	field("RequestId", requestID)
	field("HostId", hostID)
	if control {
		b.WriteString("</ErrorResponse>")
	} else {
		b.WriteString("</Error>")
	}
	resp.Header.SetContentType("application/xml")
	resp.SetBodyString(b.String())
}
