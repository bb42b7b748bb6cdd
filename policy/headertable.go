package policy

// headerID numbers the headers that some rule reads. They fit into a 64-bit set.
type headerID uint8

const (
	hSse headerID = iota
	hSseKey
	hSseContext
	hSseBucketKey
	hSseBucketKeyAlt
	hCustomerAlgorithm
	hCustomerKey
	hCustomerKeyMD5
	hSourceCustomerAlgorithm
	hSourceCustomerKey
	hSourceCustomerKeyMD5
	hAcl
	hGrantFullControl
	hGrantRead
	hGrantReadACP
	hGrantWrite
	hGrantWriteACP
	hTagging
	hTaggingDirective
	hAnnotationDirective
	hLockMode
	hLockUntil
	hLockHold
	hBucketLock
	hBypassGovernance
	hBucketNamespace
	hWebsiteRedirect
	hMfa
	hObjectOwnership
	hOptionalAttributes
	hContentMD5
	hStorageClass
	hExpectedOwner
	hSourceExpectedOwner
	hCopySource
	hCopySourceRange
	hMetadataDirective
	hRenameSource
	hClientToken
	hWriteOffset
	hIfMatch
	hIfNoneMatch
	hIfMatchSize
	hIfMatchModified
	hIfMatchInitiated
	hSessionMode
	hSessionToken
	hObjectAttributes
	hHttpRange
	hContentType
	numHeaders
)

var headerNames = [numHeaders]string{
	hSse:                     "x-amz-server-side-encryption",
	hSseKey:                  "x-amz-server-side-encryption-aws-kms-key-id",
	hSseContext:              "x-amz-server-side-encryption-context",
	hSseBucketKey:            "x-amz-server-side-encryption-bucket-key-enabled",
	hSseBucketKeyAlt:         "x-amz-server-side-encryption-aws-bucket-key-enabled",
	hCustomerAlgorithm:       "x-amz-server-side-encryption-customer-algorithm",
	hCustomerKey:             "x-amz-server-side-encryption-customer-key",
	hCustomerKeyMD5:          "x-amz-server-side-encryption-customer-key-md5",
	hSourceCustomerAlgorithm: "x-amz-copy-source-server-side-encryption-customer-algorithm",
	hSourceCustomerKey:       "x-amz-copy-source-server-side-encryption-customer-key",
	hSourceCustomerKeyMD5:    "x-amz-copy-source-server-side-encryption-customer-key-md5",
	hAcl:                     "x-amz-acl",
	hGrantFullControl:        "x-amz-grant-full-control",
	hGrantRead:               "x-amz-grant-read",
	hGrantReadACP:            "x-amz-grant-read-acp",
	hGrantWrite:              "x-amz-grant-write",
	hGrantWriteACP:           "x-amz-grant-write-acp",
	hTagging:                 "x-amz-tagging",
	hTaggingDirective:        "x-amz-tagging-directive",
	hAnnotationDirective:     "x-amz-object-annotation-directive",
	hLockMode:                "x-amz-object-lock-mode",
	hLockUntil:               "x-amz-object-lock-retain-until-date",
	hLockHold:                "x-amz-object-lock-legal-hold",
	hBucketLock:              "x-amz-bucket-object-lock-enabled",
	hBypassGovernance:        "x-amz-bypass-governance-retention",
	hBucketNamespace:         "x-amz-bucket-namespace",
	hWebsiteRedirect:         "x-amz-website-redirect-location",
	hMfa:                     "x-amz-mfa",
	hObjectOwnership:         "x-amz-object-ownership",
	hOptionalAttributes:      "x-amz-optional-object-attributes",
	hContentMD5:              "content-md5",
	hStorageClass:            "x-amz-storage-class",
	hExpectedOwner:           "x-amz-expected-bucket-owner",
	hSourceExpectedOwner:     "x-amz-source-expected-bucket-owner",
	hCopySource:              "x-amz-copy-source",
	hCopySourceRange:         "x-amz-copy-source-range",
	hMetadataDirective:       "x-amz-metadata-directive",
	hRenameSource:            "x-amz-rename-source",
	hClientToken:             "x-amz-client-token",
	hWriteOffset:             "x-amz-write-offset-bytes",
	hIfMatch:                 "if-match",
	hIfNoneMatch:             "if-none-match",
	hIfMatchSize:             "x-amz-if-match-size",
	hIfMatchModified:         "x-amz-if-match-last-modified-time",
	hIfMatchInitiated:        "x-amz-if-match-initiated-time",
	hSessionMode:             "x-amz-create-session-mode",
	hSessionToken:            "x-amz-s3session-token",
	hObjectAttributes:        "x-amz-object-attributes",
	hHttpRange:               "range",
	hContentType:             "content-type",
}

// longestHeader is the length of the longest name in headerNames; longer ones are no business of ours.
const longestHeader = 64
