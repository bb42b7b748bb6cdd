package policy

// queryID numbers the query parameters that some rule reads. They fit into a 64-bit set.
type queryID uint8

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

// queryIDs are the numbers of the query parameters by name.
var queryIDs = func() map[string]queryID {
	ids := make(map[string]queryID, numQueries)
	for id, name := range queryNames {
		ids[name] = queryID(id)
	}
	return ids
}()
