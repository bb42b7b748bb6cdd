package gateway

import "sealfront/policy"

// operations has a row an operation that is carried out. What policy recognises and this table lacks is answered 501
// NotImplemented.
var operations = map[policy.Operation]func(*exchange) error{
	policy.ListBuckets:             listBuckets,
	policy.ListDirectoryBuckets:    listBuckets,
	policy.CreateBucket:            createBucket,
	policy.DeleteBucket:            deleteBucket,
	policy.HeadBucket:              headBucket,
	policy.GetBucketEncryption:     getBucketEncryption,
	policy.PutBucketEncryption:     putBucketEncryption,
	policy.DeleteBucketEncryption:  deleteBucketEncryption,
	policy.GetBucketPolicy:         getBucketPolicy,
	policy.PutBucketPolicy:         putBucketPolicy,
	policy.DeleteBucketPolicy:      deleteBucketPolicy,
	policy.GetBucketPolicyStatus:   getBucketPolicyStatus,
	policy.CreateSession:           createSession,
	policy.ListObjectsV2:           listObjectsV2,
	policy.ListObjects:             listObjects,
	policy.PutObject:               putObject,
	policy.GetObject:               getObject,
	policy.HeadObject:              headObject,
	policy.GetObjectAttributes:     getObjectAttributes,
	policy.CopyObject:              copyObject,
	policy.RenameObject:            renameObject,
	policy.DeleteObject:            deleteObject,
	policy.DeleteObjects:           deleteObjects,
	policy.CreateMultipartUpload:   createMultipartUpload,
	policy.UploadPart:              uploadPart,
	policy.UploadPartCopy:          uploadPartCopy,
	policy.CompleteMultipartUpload: completeMultipartUpload,
	policy.AbortMultipartUpload:    abortMultipartUpload,
	policy.ListParts:               listParts,
	policy.ListMultipartUploads:    listMultipartUploads,
}
