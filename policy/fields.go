package policy

// headerID numbers the headers some rule asks for; queryID the query parameters. Both fit into a
// 64-bit set.
type (
	headerID uint8
	queryID  uint8
)

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

const (
	qVersionID queryID = iota
	qStartAfter
	qUploadIDMarker
	qDelimiter
	qPrefix
	qMaxKeys
	qMaxParts
	qMaxUploads
	qMaxBuckets
	qPartMarker
	qEncodingType
	qPartNumber
	qUploadID
	qListType
	qXID
	qSessionFlag
	numQueries
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

var queryNames = [numQueries]string{
	qVersionID:      "versionId",
	qStartAfter:     "start-after",
	qUploadIDMarker: "upload-id-marker",
	qDelimiter:      "delimiter",
	qPrefix:         "prefix",
	qMaxKeys:        "max-keys",
	qMaxParts:       "max-parts",
	qMaxUploads:     "max-uploads",
	qMaxBuckets:     "max-directory-buckets",
	qPartMarker:     "part-number-marker",
	qEncodingType:   "encoding-type",
	qPartNumber:     "partNumber",
	qUploadID:       "uploadId",
	qListType:       "list-type",
	qXID:            "x-id",
	qSessionFlag:    "session",
}

// longestHeader is the length of the longest name in headerNames; longer ones are no business of ours.
const longestHeader = 64

// place is a query parameter at a level: "tagging" selects another operation on a bucket than on an object.
type place struct {
	at   level
	name string
}

// The indexes over the tables, made once.
var (
	headersBySize [longestHeader + 1][]headerID // names of one length are few
	queryIDs      = make(map[string]queryID, numQueries)
	subresources  = make(map[place]struct{})
	routes        = make(map[route]Operation)
	plainRoutes   [3][len(methods)]Operation // the routes without a query parameter, by level and number of the method; 0: none
)

// route is how an operation is recognised when nothing but method and query is needed.
type route struct {
	method string
	place
}

// headerIDOf finds the number of a header by its name in any case.
func headerIDOf(name string) (headerID, bool) {
	if len(name) > longestHeader {
		return 0, false
	}
	for _, id := range headersBySize[len(name)] {
		if equalFolded(name, headerNames[id]) {
			return id, true
		}
	}
	return 0, false
}

// equalFolded reports whether name is lower in any case. Names differ in their ends more than in how they begin.
func equalFolded(name, lower string) bool {
	for i := len(lower) - 1; i >= 0; i-- {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// routed finds the operation that a method and a place name.
func routed(method string, here place) (Operation, bool) {
	if here.name != "" {
		op, known := routes[route{method, here}]
		return op, known
	}
	i := methodNumber(method)
	if i < 0 || plainRoutes[here.at][i] == 0 {
		return 0, false
	}
	return plainRoutes[here.at][i], true
}

// methodNumber is a method's place in methods, -1 if it has none.
func methodNumber(method string) int {
	for i, m := range methods {
		if m == method {
			return i
		}
	}
	return -1
}

func init() {
	for id, name := range headerNames {
		headersBySize[len(name)] = append(headersBySize[len(name)], headerID(id))
	}
	for id, name := range queryNames {
		queryIDs[name] = queryID(id)
	}
	for o := numOperations - 1; o > 0; o-- {
		f := operations[o]
		at := place{f.at, f.query}
		if f.query != "" {
			subresources[at] = struct{}{}
		}
		if o != ListDirectoryBuckets && o != CopyObject && o != UploadPartCopy {
			routes[route{f.method, at}] = o
			if f.query == "" {
				plainRoutes[f.at][methodNumber(f.method)] = o
			}
		}
	}
}
