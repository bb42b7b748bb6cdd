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
	name, method string
	at           level
	query        string // the parameter that selects the operation, "" for none
	is           uint16
}{
	ListDirectoryBuckets:                   {"ListDirectoryBuckets", "GET", onService, "", regional},
	ListBuckets:                            {"ListBuckets", "GET", onService, "", general},
	CreateBucket:                           {"CreateBucket", "PUT", onBucket, "", regional | writes | setsTags | both},
	DeleteBucket:                           {"DeleteBucket", "DELETE", onBucket, "", regional | writes | both},
	HeadBucket:                             {"HeadBucket", "HEAD", onBucket, "", zonal | readOnly | both},
	PutBucketEncryption:                    {"PutBucketEncryption", "PUT", onBucket, "encryption", regional | writes | both},
	GetBucketEncryption:                    {"GetBucketEncryption", "GET", onBucket, "encryption", regional | both},
	DeleteBucketEncryption:                 {"DeleteBucketEncryption", "DELETE", onBucket, "encryption", regional | writes | both},
	PutBucketPolicy:                        {"PutBucketPolicy", "PUT", onBucket, "policy", regional | writes | both},
	GetBucketPolicy:                        {"GetBucketPolicy", "GET", onBucket, "policy", regional | both},
	DeleteBucketPolicy:                     {"DeleteBucketPolicy", "DELETE", onBucket, "policy", regional | writes | both},
	PutBucketLifecycleConfiguration:        {"PutBucketLifecycleConfiguration", "PUT", onBucket, "lifecycle", regional | writes | both},
	GetBucketLifecycleConfiguration:        {"GetBucketLifecycleConfiguration", "GET", onBucket, "lifecycle", regional | both},
	DeleteBucketLifecycle:                  {"DeleteBucketLifecycle", "DELETE", onBucket, "lifecycle", regional | writes | both},
	GetBucketLocation:                      {"GetBucketLocation", "GET", onBucket, "location", general},
	CreateSession:                          {"CreateSession", "GET", onBucket, "session", zonal | longTerm | takesSSE | directory},
	ListObjects:                            {"ListObjects", "GET", onBucket, "", zonal | readOnly | both},
	ListObjectsV2:                          {"ListObjectsV2", "GET", onBucket, "list-type", zonal | readOnly | both},
	ListMultipartUploads:                   {"ListMultipartUploads", "GET", onBucket, "uploads", zonal | readOnly | both},
	DeleteObjects:                          {"DeleteObjects", "POST", onBucket, "delete", zonal | writes | both},
	PostObject:                             {"PostObject", "POST", onBucket, "", zonal | writes | seals | takesSSE | both},
	PutObject:                              {"PutObject", "PUT", onObject, "", zonal | writes | seals | takesSSE | both},
	GetObject:                              {"GetObject", "GET", onObject, "", zonal | readOnly | opens | both | versioned},
	HeadObject:                             {"HeadObject", "HEAD", onObject, "", zonal | readOnly | opens | both | versioned},
	GetObjectAttributes:                    {"GetObjectAttributes", "GET", onObject, "attributes", zonal | readOnly | opens | both | versioned},
	DeleteObject:                           {"DeleteObject", "DELETE", onObject, "", zonal | writes | both | versioned},
	CopyObject:                             {"CopyObject", "PUT", onObject, "", zonal | writes | longTerm | seals | takesSSE | both},
	RenameObject:                           {"RenameObject", "PUT", onObject, "renameObject", zonal | writes | directory},
	CreateMultipartUpload:                  {"CreateMultipartUpload", "POST", onObject, "uploads", zonal | writes | seals | takesSSE | both},
	UploadPart:                             {"UploadPart", "PUT", onObject, "uploadId", zonal | writes | seals | both},
	UploadPartCopy:                         {"UploadPartCopy", "PUT", onObject, "uploadId", zonal | writes | longTerm | seals | both},
	CompleteMultipartUpload:                {"CompleteMultipartUpload", "POST", onObject, "uploadId", zonal | writes | seals | both},
	AbortMultipartUpload:                   {"AbortMultipartUpload", "DELETE", onObject, "uploadId", zonal | writes | both},
	ListParts:                              {"ListParts", "GET", onObject, "uploadId", zonal | readOnly | both},
	CreateBucketMetadataConfiguration:      {"CreateBucketMetadataConfiguration", "POST", onBucket, "metadataConfiguration", writes},
	CreateBucketMetadataTableConfiguration: {"CreateBucketMetadataTableConfiguration", "POST", onBucket, "metadataTable", writes},
	DeleteBucketAnalyticsConfiguration:     {"DeleteBucketAnalyticsConfiguration", "DELETE", onBucket, "analytics", writes},
	DeleteBucketCors:                       {"DeleteBucketCors", "DELETE", onBucket, "cors", writes | general},
	DeleteBucketIntelligentTieringConfiguration:      {"DeleteBucketIntelligentTieringConfiguration", "DELETE", onBucket, "intelligent-tiering", writes},
	DeleteBucketInventoryConfiguration:               {"DeleteBucketInventoryConfiguration", "DELETE", onBucket, "inventory", writes},
	DeleteBucketMetadataConfiguration:                {"DeleteBucketMetadataConfiguration", "DELETE", onBucket, "metadataConfiguration", writes},
	DeleteBucketMetadataTableConfiguration:           {"DeleteBucketMetadataTableConfiguration", "DELETE", onBucket, "metadataTable", writes},
	DeleteBucketMetricsConfiguration:                 {"DeleteBucketMetricsConfiguration", "DELETE", onBucket, "metrics", writes},
	DeleteBucketOwnershipControls:                    {"DeleteBucketOwnershipControls", "DELETE", onBucket, "ownershipControls", writes | general},
	DeleteBucketReplication:                          {"DeleteBucketReplication", "DELETE", onBucket, "replication", writes | general},
	DeleteBucketTagging:                              {"DeleteBucketTagging", "DELETE", onBucket, "tagging", writes | general},
	DeleteBucketWebsite:                              {"DeleteBucketWebsite", "DELETE", onBucket, "website", writes | general},
	DeleteObjectAnnotation:                           {"DeleteObjectAnnotation", "DELETE", onObject, "annotation", writes},
	DeleteObjectTagging:                              {"DeleteObjectTagging", "DELETE", onObject, "tagging", writes | general | versioned},
	DeletePublicAccessBlock:                          {"DeletePublicAccessBlock", "DELETE", onBucket, "publicAccessBlock", writes | general},
	GetBucketAbac:                                    {"GetBucketAbac", "GET", onBucket, "abac", general},
	GetBucketAccelerateConfiguration:                 {"GetBucketAccelerateConfiguration", "GET", onBucket, "accelerate", general},
	GetBucketAcl:                                     {"GetBucketAcl", "GET", onBucket, "acl", general},
	GetBucketAnalyticsConfiguration:                  {"GetBucketAnalyticsConfiguration", "GET", onBucket, "analytics", general},
	GetBucketCors:                                    {"GetBucketCors", "GET", onBucket, "cors", general},
	GetBucketIntelligentTieringConfiguration:         {"GetBucketIntelligentTieringConfiguration", "GET", onBucket, "intelligent-tiering", general},
	GetBucketInventoryConfiguration:                  {"GetBucketInventoryConfiguration", "GET", onBucket, "inventory", regional | both},
	GetBucketLogging:                                 {"GetBucketLogging", "GET", onBucket, "logging", general},
	GetBucketMetadataConfiguration:                   {"GetBucketMetadataConfiguration", "GET", onBucket, "metadataConfiguration", 0},
	GetBucketMetadataTableConfiguration:              {"GetBucketMetadataTableConfiguration", "GET", onBucket, "metadataTable", 0},
	GetBucketMetricsConfiguration:                    {"GetBucketMetricsConfiguration", "GET", onBucket, "metrics", regional | both},
	GetBucketNotificationConfiguration:               {"GetBucketNotificationConfiguration", "GET", onBucket, "notification", general},
	GetBucketOwnershipControls:                       {"GetBucketOwnershipControls", "GET", onBucket, "ownershipControls", general},
	GetBucketPolicyStatus:                            {"GetBucketPolicyStatus", "GET", onBucket, "policyStatus", general},
	GetBucketReplication:                             {"GetBucketReplication", "GET", onBucket, "replication", general},
	GetBucketRequestPayment:                          {"GetBucketRequestPayment", "GET", onBucket, "requestPayment", general},
	GetBucketTagging:                                 {"GetBucketTagging", "GET", onBucket, "tagging", general},
	GetBucketVersioning:                              {"GetBucketVersioning", "GET", onBucket, "versioning", general},
	GetBucketWebsite:                                 {"GetBucketWebsite", "GET", onBucket, "website", general},
	GetObjectAcl:                                     {"GetObjectAcl", "GET", onObject, "acl", general | versioned},
	GetObjectAnnotation:                              {"GetObjectAnnotation", "GET", onObject, "annotation", 0},
	GetObjectLegalHold:                               {"GetObjectLegalHold", "GET", onObject, "legal-hold", general | versioned},
	GetObjectLockConfiguration:                       {"GetObjectLockConfiguration", "GET", onBucket, "object-lock", general},
	GetObjectRetention:                               {"GetObjectRetention", "GET", onObject, "retention", general | versioned},
	GetObjectTagging:                                 {"GetObjectTagging", "GET", onObject, "tagging", general | versioned},
	GetObjectTorrent:                                 {"GetObjectTorrent", "GET", onObject, "torrent", 0},
	GetPublicAccessBlock:                             {"GetPublicAccessBlock", "GET", onBucket, "publicAccessBlock", general},
	ListObjectVersions:                               {"ListObjectVersions", "GET", onBucket, "versions", general},
	PutBucketAbac:                                    {"PutBucketAbac", "PUT", onBucket, "abac", writes},
	PutBucketAccelerateConfiguration:                 {"PutBucketAccelerateConfiguration", "PUT", onBucket, "accelerate", writes},
	PutBucketAcl:                                     {"PutBucketAcl", "PUT", onBucket, "acl", writes | general},
	PutBucketAnalyticsConfiguration:                  {"PutBucketAnalyticsConfiguration", "PUT", onBucket, "analytics", writes},
	PutBucketCors:                                    {"PutBucketCors", "PUT", onBucket, "cors", writes},
	PutBucketIntelligentTieringConfiguration:         {"PutBucketIntelligentTieringConfiguration", "PUT", onBucket, "intelligent-tiering", writes},
	PutBucketInventoryConfiguration:                  {"PutBucketInventoryConfiguration", "PUT", onBucket, "inventory", writes},
	PutBucketLogging:                                 {"PutBucketLogging", "PUT", onBucket, "logging", writes},
	PutBucketMetricsConfiguration:                    {"PutBucketMetricsConfiguration", "PUT", onBucket, "metrics", writes},
	PutBucketNotificationConfiguration:               {"PutBucketNotificationConfiguration", "PUT", onBucket, "notification", writes},
	PutBucketOwnershipControls:                       {"PutBucketOwnershipControls", "PUT", onBucket, "ownershipControls", writes | general},
	PutBucketReplication:                             {"PutBucketReplication", "PUT", onBucket, "replication", writes},
	PutBucketRequestPayment:                          {"PutBucketRequestPayment", "PUT", onBucket, "requestPayment", writes},
	PutBucketTagging:                                 {"PutBucketTagging", "PUT", onBucket, "tagging", writes | setsTags | general},
	PutBucketVersioning:                              {"PutBucketVersioning", "PUT", onBucket, "versioning", writes | general},
	PutBucketWebsite:                                 {"PutBucketWebsite", "PUT", onBucket, "website", writes},
	PutObjectAcl:                                     {"PutObjectAcl", "PUT", onObject, "acl", writes | general | versioned},
	PutObjectAnnotation:                              {"PutObjectAnnotation", "PUT", onObject, "annotation", writes},
	PutObjectLegalHold:                               {"PutObjectLegalHold", "PUT", onObject, "legal-hold", writes | general | versioned},
	PutObjectLockConfiguration:                       {"PutObjectLockConfiguration", "PUT", onBucket, "object-lock", writes | general},
	PutObjectRetention:                               {"PutObjectRetention", "PUT", onObject, "retention", writes | general | versioned},
	PutObjectTagging:                                 {"PutObjectTagging", "PUT", onObject, "tagging", writes | general | versioned},
	PutPublicAccessBlock:                             {"PutPublicAccessBlock", "PUT", onBucket, "publicAccessBlock", writes | general},
	RestoreObject:                                    {"RestoreObject", "POST", onObject, "restore", writes},
	SelectObjectContent:                              {"SelectObjectContent", "POST", onObject, "select", writes},
	UpdateBucketMetadataAnnotationTableConfiguration: {"UpdateBucketMetadataAnnotationTableConfiguration", "PUT", onBucket, "metadataAnnotationTable", writes},
	UpdateBucketMetadataInventoryTableConfiguration:  {"UpdateBucketMetadataInventoryTableConfiguration", "PUT", onBucket, "metadataInventoryTable", writes},
	UpdateBucketMetadataJournalTableConfiguration:    {"UpdateBucketMetadataJournalTableConfiguration", "PUT", onBucket, "metadataJournalTable", writes},
	UpdateObjectEncryption:                           {"UpdateObjectEncryption", "PUT", onObject, "encryption", writes | rewraps | general | versioned},

	// Calls of S3 Control, whose path names what "query" does for others.
	ListTagsForResource: {"ListTagsForResource", "GET", onControl, "tags", regional | both},
	TagResource:         {"TagResource", "POST", onControl, "tags", regional | writes | setsTags | both},
	UntagResource:       {"UntagResource", "DELETE", onControl, "tags", regional | writes | both},
}

// Operation is an S3 operation, by S3's own name. The zero value is no operation.
type Operation uint8
