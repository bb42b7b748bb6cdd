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
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// answerTo translates any error into S3's words. What it doesn't know becomes InternalError without its text.
func answerTo(err error) *s3Error {
	var s3 *s3Error
	if errors.As(err, &s3) {
		return s3
	}
	var refused *policy.Refusal
	if errors.As(err, &refused) {
		e := &s3Error{code: refused.Code, message: refused.Message, row: refused.Row, allow: refused.Allow}
		for _, x := range refused.Elements {
			e.elements = append(e.elements, element(x))
		}
		return e
	}
	var signature *sigv4.Error
	if errors.As(err, &signature) {
		e := &s3Error{code: signature.Code, message: signature.Message}
		for _, x := range signature.Elements {
			e.elements = append(e.elements, element(x))
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
		return refusal("InvalidObjectState", "The object was not sealed by this service and is not served.").because(err)
	case errors.As(err, &coded) && coded.S3Code() == "MetadataTooLarge":
		return refusal("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").because(err)
	case errors.Is(err, state.ErrAborted):
		return refusal("OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again.").because(err)
	case errors.Is(err, state.ErrBusy):
		return refusal("SlowDown", "Please reduce your request rate: another operation on this key is under way.").because(err)
	case errors.Is(err, keyring.ErrUnavailable):
		e := unavailable(err)
		e.row = "KE-7"
		return e
	case errors.Is(err, keyring.ErrBadKey):
		e := internal(err)
		e.row = rowForeignBlob
		return e
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable(err)
	}
	return internal(err)
}

// rowForeignBlob: KMS doesn't open what an envelope has as its bucket key. That is no fault of the client's: the store's
// data are altered, or another installation's.
const rowForeignBlob = "KE-8"

// kmsError translates KMS's error names: rows KE-1 to KE-8.
func kmsError(name string, err error) *s3Error {
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
		e := accessDenied().because(err)
		e.row = "KE-5"
		return e
	case "Throttling", "LimitExceeded", "RequestLimitExceeded", "TooManyRequests":
		e := refusal("SlowDown", "Please reduce your request rate for operations involving AWS KMS.").because(err)
		e.row = "KE-6"
		return e
	case "InvalidCiphertext", "IncorrectKey":
		e := internal(err)
		e.row = rowForeignBlob
		return e
	}
	e := unavailable(err)
	e.row = "KE-7"
	return e
}

// kmsRefusal repeats KMS's own message, which names the key and its state and nothing else.
func kmsRefusal(row, code string, err error) *s3Error {
	message := "The KMS key can't be used."
	var told interface{ ErrorMessage() string }
	if errors.As(err, &told) && told.ErrorMessage() != "" {
		message = told.ErrorMessage()
	}
	e := refusal(code, message).because(err)
	e.row = row
	return e
}

// storeError translates an answer of the store about a bucket or key of the client. The store's own
// authentication failures are the proxy's fault.
func storeError(f *store.Fault, bucket, key string) *s3Error {
	switch {
	case f.Code == "ObjectParentIsFile" || f.Code == "ExistingObjectIsDirectory" || f.Code == "DirectoryObjectContainsData":
		return refusal("InvalidURI", "The store behind this service can't hold an object beside another one whose name is a directory of its name.").because(f)
	case f.Code == "NoSuchBucket":
		return noSuchBucket(bucket).because(f)
	case f.Code == "InvalidTag":
		return refusal("InvalidTag", keptErrors[f.Code]).because(f)
	case f.Status == 404 && f.Code != "NoSuchUpload":
		if key == "" {
			return noSuchBucket(bucket).because(f)
		}
		return noSuchKey(key).because(f)
	case f.Code == "NoSuchUpload":
		return refusal("NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").because(f)
	case f.Status == 412:
		return refusal("PreconditionFailed", "At least one of the pre-conditions you specified did not hold").because(f)
	case f.Status == 409 && f.Code == "BucketNotEmpty":
		return refusal("BucketNotEmpty", "The bucket you tried to delete is not empty", "BucketName", bucket).because(f)
	case f.Status == 409:
		return refusal("ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.", "Key", key).because(f)
	case f.Status == 429 || f.Code == "SlowDown":
		return refusal("SlowDown", "Please reduce your request rate.").because(f)
	case f.Status == 503 || f.Status == 502 || f.Status == 504:
		return unavailable(f)
	case f.Status == 400 && f.Code == "KeyTooLongError", f.Status == 400 && f.Code == "InvalidArgument" && key != "":
		// What the client could have sent right was checked before; the store has narrower names than S3.
		return refusal("InvalidURI", "The store behind this service can't hold an object of this name.").because(f)
	case f.Code == "InvalidURI" && key != "", // another proxy of this kind is the store
		f.Code == "XMinioInvalidObjectName", f.Code == "XMinioInvalidResourceName", f.Status == 400 && f.Operation == "HeadObject" && longSegment(key): // HEAD tells no code
		return refusal("InvalidURI", "The store behind this service can't hold an object of this name.").because(f)
	case f.Code == "RequestHeaderSectionTooLarge" || f.Status == http.StatusRequestHeaderFieldsTooLarge:
		return refusal("MetadataTooLarge", "The store behind this service takes no request with metadata and tags of this size.").because(f)
	case f.Code == "EntityTooLarge":
		return refusal("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").because(f)
	case f.Code == "MetadataTooLarge":
		return refusal("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").because(f)
	case f.Status == 507 || f.Code == "XMinioStorageFull" || f.Code == "QuotaExceeded":
		return unavailable(f)
	case f.Status == 501:
		return refusal("NotImplemented", "A header you provided implies functionality that is not implemented").because(f)
	}
	return internal(f)
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
func writeError(resp *fasthttp.Response, e *s3Error, requestID, hostID string, head, control bool) {
	code := status(e.code)
	resp.SetStatusCode(code)
	if e.allow != "" {
		resp.Header.Set("Allow", e.allow)
	}
	for _, h := range e.header {
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
	field("Code", e.code)
	field("Message", e.message)
	for _, x := range e.elements {
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
