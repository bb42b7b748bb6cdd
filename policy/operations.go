package policy

// The operations S3 has. Those that neither kind of bucket has here are recognised all the same, so
// that they are refused by name and never taken for another operation.
const (
	_ Operation = iota
	ListDirectoryBuckets
	ListBuckets
	CreateBucket
	DeleteBucket
	HeadBucket
	PutBucketEncryption
	GetBucketEncryption
	DeleteBucketEncryption
	PutBucketPolicy
	GetBucketPolicy
	DeleteBucketPolicy
	PutBucketLifecycleConfiguration
	GetBucketLifecycleConfiguration
	DeleteBucketLifecycle
	GetBucketLocation
	CreateSession
	ListObjects
	ListObjectsV2
	ListMultipartUploads
	DeleteObjects
	PostObject
	PutObject
	GetObject
	HeadObject
	GetObjectAttributes
	DeleteObject
	CopyObject
	RenameObject
	CreateMultipartUpload
	UploadPart
	UploadPartCopy
	CompleteMultipartUpload
	AbortMultipartUpload
	ListParts
	CreateBucketMetadataConfiguration
	CreateBucketMetadataTableConfiguration
	DeleteBucketAnalyticsConfiguration
	DeleteBucketCors
	DeleteBucketIntelligentTieringConfiguration
	DeleteBucketInventoryConfiguration
	DeleteBucketMetadataConfiguration
	DeleteBucketMetadataTableConfiguration
	DeleteBucketMetricsConfiguration
	DeleteBucketOwnershipControls
	DeleteBucketReplication
	DeleteBucketTagging
	DeleteBucketWebsite
	DeleteObjectAnnotation
	DeleteObjectTagging
	DeletePublicAccessBlock
	GetBucketAbac
	GetBucketAccelerateConfiguration
	GetBucketAcl
	GetBucketAnalyticsConfiguration
	GetBucketCors
	GetBucketIntelligentTieringConfiguration
	GetBucketInventoryConfiguration
	GetBucketLogging
	GetBucketMetadataConfiguration
	GetBucketMetadataTableConfiguration
	GetBucketMetricsConfiguration
	GetBucketNotificationConfiguration
	GetBucketOwnershipControls
	GetBucketPolicyStatus
	GetBucketReplication
	GetBucketRequestPayment
	GetBucketTagging
	GetBucketVersioning
	GetBucketWebsite
	GetObjectAcl
	GetObjectAnnotation
	GetObjectLegalHold
	GetObjectLockConfiguration
	GetObjectRetention
	GetObjectTagging
	GetObjectTorrent
	GetPublicAccessBlock
	ListObjectVersions
	PutBucketAbac
	PutBucketAccelerateConfiguration
	PutBucketAcl
	PutBucketAnalyticsConfiguration
	PutBucketCors
	PutBucketIntelligentTieringConfiguration
	PutBucketInventoryConfiguration
	PutBucketLogging
	PutBucketMetricsConfiguration
	PutBucketNotificationConfiguration
	PutBucketOwnershipControls
	PutBucketReplication
	PutBucketRequestPayment
	PutBucketTagging
	PutBucketVersioning
	PutBucketWebsite
	PutObjectAcl
	PutObjectAnnotation
	PutObjectLegalHold
	PutObjectLockConfiguration
	PutObjectRetention
	PutObjectTagging
	PutPublicAccessBlock
	RestoreObject
	SelectObjectContent
	UpdateBucketMetadataAnnotationTableConfiguration
	UpdateBucketMetadataInventoryTableConfiguration
	UpdateBucketMetadataJournalTableConfiguration
	UpdateObjectEncryption
	ListTagsForResource
	TagResource
	UntagResource
	numOperations
)

// level is what a path names.
type level uint8

const (
	onService level = iota
	onBucket
	onObject
	onControl // a resource, in a call of S3 Control
)

// The traits of an operation.
const (
	zonal     = 1 << iota // answered at zonal endpoints, under s3express:CreateSession
	regional              // answered at the regional endpoint, with a permission of its own
	writes                // changes a bucket or an object
	readOnly              // allowed in a ReadOnly session
	longTerm              // session credentials are refused
	takesSSE              // server-side encryption request headers are its inputs
	opens                 // answers from the contents of a sealed object
	seals                 // writes contents of an object
	rewraps               // seals an object's data key anew, and not its contents
	directory             // directory buckets have it
	general               // general purpose buckets have it
	versioned             // may name a version of an object
	setsTags              // a document in its body sets tags of the bucket

	both = directory | general
)

// operations has a row an operation: how it is recognised, and its traits. The columns method, at and
// query come from the service model; ambiguous ones (three of them) are distinguished in classify.go.
var operations = [numOperations]struct {
	method string
	at     level
	query  string // the parameter that selects the operation, "" for none
	is     uint16
}{
	ListDirectoryBuckets:            {"GET", onService, "", regional},
	ListBuckets:                     {"GET", onService, "", general},
	CreateBucket:                    {"PUT", onBucket, "", regional | writes | setsTags | both},
	DeleteBucket:                    {"DELETE", onBucket, "", regional | writes | both},
	HeadBucket:                      {"HEAD", onBucket, "", zonal | readOnly | both},
	PutBucketEncryption:             {"PUT", onBucket, "encryption", regional | writes | both},
	GetBucketEncryption:             {"GET", onBucket, "encryption", regional | both},
	DeleteBucketEncryption:          {"DELETE", onBucket, "encryption", regional | writes | both},
	PutBucketPolicy:                 {"PUT", onBucket, "policy", regional | writes | both},
	GetBucketPolicy:                 {"GET", onBucket, "policy", regional | both},
	DeleteBucketPolicy:              {"DELETE", onBucket, "policy", regional | writes | both},
	PutBucketLifecycleConfiguration: {"PUT", onBucket, "lifecycle", regional | writes | both},
	GetBucketLifecycleConfiguration: {"GET", onBucket, "lifecycle", regional | both},
	DeleteBucketLifecycle:           {"DELETE", onBucket, "lifecycle", regional | writes | both},
	GetBucketLocation:               {"GET", onBucket, "location", general},
	CreateSession:                   {"GET", onBucket, "session", zonal | longTerm | takesSSE | directory},
	ListObjects:                     {"GET", onBucket, "", zonal | readOnly | both},
	ListObjectsV2:                   {"GET", onBucket, "list-type", zonal | readOnly | both},
	ListMultipartUploads:            {"GET", onBucket, "uploads", zonal | readOnly | both},
	DeleteObjects:                   {"POST", onBucket, "delete", zonal | writes | both},
	PostObject:                      {"POST", onBucket, "", zonal | writes | seals | takesSSE | both},
	PutObject:                       {"PUT", onObject, "", zonal | writes | seals | takesSSE | both},

	GetObject:           {"GET", onObject, "", zonal | readOnly | opens | both | versioned},
	HeadObject:          {"HEAD", onObject, "", zonal | readOnly | opens | both | versioned},
	GetObjectAttributes: {"GET", onObject, "attributes", zonal | readOnly | opens | both | versioned},

	DeleteObject:            {"DELETE", onObject, "", zonal | writes | both | versioned},
	CopyObject:              {"PUT", onObject, "", zonal | writes | longTerm | seals | takesSSE | both},
	RenameObject:            {"PUT", onObject, "renameObject", zonal | writes | directory},
	CreateMultipartUpload:   {"POST", onObject, "uploads", zonal | writes | seals | takesSSE | both},
	UploadPart:              {"PUT", onObject, "uploadId", zonal | writes | seals | both},
	UploadPartCopy:          {"PUT", onObject, "uploadId", zonal | writes | longTerm | seals | both},
	CompleteMultipartUpload: {"POST", onObject, "uploadId", zonal | writes | seals | both},
	AbortMultipartUpload:    {"DELETE", onObject, "uploadId", zonal | writes | both},
	ListParts:               {"GET", onObject, "uploadId", zonal | readOnly | both},

	CreateBucketMetadataConfiguration:                {"POST", onBucket, "metadataConfiguration", writes},
	CreateBucketMetadataTableConfiguration:           {"POST", onBucket, "metadataTable", writes},
	DeleteBucketAnalyticsConfiguration:               {"DELETE", onBucket, "analytics", writes},
	DeleteBucketCors:                                 {"DELETE", onBucket, "cors", writes | general},
	DeleteBucketIntelligentTieringConfiguration:      {"DELETE", onBucket, "intelligent-tiering", writes},
	DeleteBucketInventoryConfiguration:               {"DELETE", onBucket, "inventory", writes},
	DeleteBucketMetadataConfiguration:                {"DELETE", onBucket, "metadataConfiguration", writes},
	DeleteBucketMetadataTableConfiguration:           {"DELETE", onBucket, "metadataTable", writes},
	DeleteBucketMetricsConfiguration:                 {"DELETE", onBucket, "metrics", writes},
	DeleteBucketOwnershipControls:                    {"DELETE", onBucket, "ownershipControls", writes | general},
	DeleteBucketReplication:                          {"DELETE", onBucket, "replication", writes | general},
	DeleteBucketTagging:                              {"DELETE", onBucket, "tagging", writes | general},
	DeleteBucketWebsite:                              {"DELETE", onBucket, "website", writes | general},
	DeleteObjectAnnotation:                           {"DELETE", onObject, "annotation", writes},
	DeleteObjectTagging:                              {"DELETE", onObject, "tagging", writes | general | versioned},
	DeletePublicAccessBlock:                          {"DELETE", onBucket, "publicAccessBlock", writes | general},
	GetBucketAbac:                                    {"GET", onBucket, "abac", general},
	GetBucketAccelerateConfiguration:                 {"GET", onBucket, "accelerate", general},
	GetBucketAcl:                                     {"GET", onBucket, "acl", general},
	GetBucketAnalyticsConfiguration:                  {"GET", onBucket, "analytics", general},
	GetBucketCors:                                    {"GET", onBucket, "cors", general},
	GetBucketIntelligentTieringConfiguration:         {"GET", onBucket, "intelligent-tiering", general},
	GetBucketInventoryConfiguration:                  {"GET", onBucket, "inventory", regional | both},
	GetBucketLogging:                                 {"GET", onBucket, "logging", general},
	GetBucketMetadataConfiguration:                   {"GET", onBucket, "metadataConfiguration", 0},
	GetBucketMetadataTableConfiguration:              {"GET", onBucket, "metadataTable", 0},
	GetBucketMetricsConfiguration:                    {"GET", onBucket, "metrics", regional | both},
	GetBucketNotificationConfiguration:               {"GET", onBucket, "notification", general},
	GetBucketOwnershipControls:                       {"GET", onBucket, "ownershipControls", general},
	GetBucketPolicyStatus:                            {"GET", onBucket, "policyStatus", general},
	GetBucketReplication:                             {"GET", onBucket, "replication", general},
	GetBucketRequestPayment:                          {"GET", onBucket, "requestPayment", general},
	GetBucketTagging:                                 {"GET", onBucket, "tagging", general},
	GetBucketVersioning:                              {"GET", onBucket, "versioning", general},
	GetBucketWebsite:                                 {"GET", onBucket, "website", general},
	GetObjectAcl:                                     {"GET", onObject, "acl", general | versioned},
	GetObjectAnnotation:                              {"GET", onObject, "annotation", 0},
	GetObjectLegalHold:                               {"GET", onObject, "legal-hold", general | versioned},
	GetObjectLockConfiguration:                       {"GET", onBucket, "object-lock", general},
	GetObjectRetention:                               {"GET", onObject, "retention", general | versioned},
	GetObjectTagging:                                 {"GET", onObject, "tagging", general | versioned},
	GetObjectTorrent:                                 {"GET", onObject, "torrent", 0},
	GetPublicAccessBlock:                             {"GET", onBucket, "publicAccessBlock", general},
	ListObjectVersions:                               {"GET", onBucket, "versions", general},
	PutBucketAbac:                                    {"PUT", onBucket, "abac", writes},
	PutBucketAccelerateConfiguration:                 {"PUT", onBucket, "accelerate", writes},
	PutBucketAcl:                                     {"PUT", onBucket, "acl", writes | general},
	PutBucketAnalyticsConfiguration:                  {"PUT", onBucket, "analytics", writes},
	PutBucketCors:                                    {"PUT", onBucket, "cors", writes},
	PutBucketIntelligentTieringConfiguration:         {"PUT", onBucket, "intelligent-tiering", writes},
	PutBucketInventoryConfiguration:                  {"PUT", onBucket, "inventory", writes},
	PutBucketLogging:                                 {"PUT", onBucket, "logging", writes},
	PutBucketMetricsConfiguration:                    {"PUT", onBucket, "metrics", writes},
	PutBucketNotificationConfiguration:               {"PUT", onBucket, "notification", writes},
	PutBucketOwnershipControls:                       {"PUT", onBucket, "ownershipControls", writes | general},
	PutBucketReplication:                             {"PUT", onBucket, "replication", writes},
	PutBucketRequestPayment:                          {"PUT", onBucket, "requestPayment", writes},
	PutBucketTagging:                                 {"PUT", onBucket, "tagging", writes | setsTags | general},
	PutBucketVersioning:                              {"PUT", onBucket, "versioning", writes | general},
	PutBucketWebsite:                                 {"PUT", onBucket, "website", writes},
	PutObjectAcl:                                     {"PUT", onObject, "acl", writes | general | versioned},
	PutObjectAnnotation:                              {"PUT", onObject, "annotation", writes},
	PutObjectLegalHold:                               {"PUT", onObject, "legal-hold", writes | general | versioned},
	PutObjectLockConfiguration:                       {"PUT", onBucket, "object-lock", writes | general},
	PutObjectRetention:                               {"PUT", onObject, "retention", writes | general | versioned},
	PutObjectTagging:                                 {"PUT", onObject, "tagging", writes | general | versioned},
	PutPublicAccessBlock:                             {"PUT", onBucket, "publicAccessBlock", writes | general},
	RestoreObject:                                    {"POST", onObject, "restore", writes},
	SelectObjectContent:                              {"POST", onObject, "select", writes},
	UpdateBucketMetadataAnnotationTableConfiguration: {"PUT", onBucket, "metadataAnnotationTable", writes},
	UpdateBucketMetadataInventoryTableConfiguration:  {"PUT", onBucket, "metadataInventoryTable", writes},
	UpdateBucketMetadataJournalTableConfiguration:    {"PUT", onBucket, "metadataJournalTable", writes},

	UpdateObjectEncryption: {"PUT", onObject, "encryption", writes | rewraps | general | versioned},

	// Calls of S3 Control, whose path names what "query" does for others.
	ListTagsForResource: {"GET", onControl, "tags", regional | both},
	TagResource:         {"POST", onControl, "tags", regional | writes | setsTags | both},
	UntagResource:       {"DELETE", onControl, "tags", regional | writes | both},
}

// Operation is an S3 operation, by S3's own name. The zero value is no operation.
type Operation uint8
