package objects

import (
	"errors"
	"net/http"
	"strings"

	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// StoreError translates an answer of the store about a bucket or key of the client. The store's own
// authentication failures are the proxy's fault.
func StoreError(f *store.Fault, bucket, key string) *s3.Error {
	switch {
	case f.Code == "ObjectParentIsFile" || f.Code == "ExistingObjectIsDirectory" ||
		f.Code == "DirectoryObjectContainsData":
		return s3.Refuse("InvalidURI",
			"The store behind this service can't hold an object besides another one whose name is a "+
				"directory of its name.").Because(f)
	case f.Code == "NoSuchBucket":
		return s3.NoSuchBucket(bucket).Because(f)
	case f.Code == "InvalidTag":
		return s3.Refuse("InvalidTag", InvalidTagText).Because(f)
	case f.Status == 404 && f.Code != "NoSuchUpload":
		if key == "" {
			return s3.NoSuchBucket(bucket).Because(f)
		}
		return s3.NoSuchKey(key).Because(f)
	case f.Code == "NoSuchUpload":
		return s3.NoSuchUpload().Because(f)
	case f.Status == 412:
		return s3.Refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold").Because(f)
	case f.Status == 409 && f.Code == "BucketNotEmpty":
		return s3.Refuse("BucketNotEmpty", "The bucket you tried to delete is not empty", "BucketName", bucket).Because(f)
	case f.Status == 409:
		return s3.ConditionalRequestConflict(key).Because(f)
	case f.Status == 429 || f.Code == "SlowDown":
		return s3.Refuse("SlowDown", "Please reduce your request rate.").Because(f)
	case f.Status == 503 || f.Status == 502 || f.Status == 504:
		return s3.Unavailable(f)
	case f.Status == 400 && f.Code == "KeyTooLongError", f.Status == 400 && f.Code == "InvalidArgument" && key != "":
		// The client's own mistakes were refused earlier; the store allows fewer names than S3.
		return s3.Refuse("InvalidURI", "The store behind this service can't hold an object of this name.").Because(f)
	case f.Code == "InvalidURI" && key != "", // another proxy of this kind is the store
		// HEAD returns no code
		f.Code == "XMinioInvalidObjectName", f.Code == "XMinioInvalidResourceName",
		f.Status == 400 && f.Operation == "HeadObject" && longSegment(key):
		return s3.Refuse("InvalidURI", "The store behind this service can't hold an object of this name.").Because(f)
	case f.Code == "RequestHeaderSectionTooLarge" || f.Status == http.StatusRequestHeaderFieldsTooLarge:
		return s3.Refuse("MetadataTooLarge",
			"The store behind this service takes no request with metadata and tags of this size.").Because(f)
	case f.Code == "EntityTooLarge":
		return s3.EntityTooLarge().Because(f)
	case f.Code == "MetadataTooLarge":
		return s3.MetadataTooLarge().Because(f)
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

const InvalidTagText = "The tag provided was not a valid tag. This error can occur if the tag did not pass input " +
	"validation."

// RecordError is a bucket record that can't be read: refused, never defaulted.
func RecordError(err error) error {
	if errors.Is(err, state.ErrRecord) {
		return s3.Internal(err)
	}
	return s3.Unavailable(err)
}
