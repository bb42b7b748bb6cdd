package gateway

import (
	"sealfront/policy"
)

// An operation is how one of S3's is carried out.
type operation struct {
	serve func(*exchange) error
	needs needs
}

// needs is what an operation needs besides the rules.
type needs string

const (
	records    needs = "records"                // state's alone, and the store's bucket where it makes or removes one
	sealed     needs = "sealed objects"         // sealed objects, and records of uploads
	listings   needs = "listings"               // of the store
	configured needs = "what the store keeps"   // a configuration that the store acts on, or 501 and an absent answer
	nothing    needs = "nothing but the bucket" // the answer is always the same
)

// operations has a row an operation that is carried out. An operation that policy recognises and that isn't here
// returns 501 NotImplemented. testdata/operations.txt shows it with what policy says of each, and
// deploy/COMPATIBILITY.md lists it.
var operations = map[policy.Operation]operation{
	policy.ListBuckets:             {listBuckets, records},
	policy.ListDirectoryBuckets:    {listBuckets, records},
	policy.CreateBucket:            {createBucket, records},
	policy.DeleteBucket:            {deleteBucket, records},
	policy.HeadBucket:              {headBucket, records},
	policy.GetBucketEncryption:     {getBucketEncryption, records},
	policy.PutBucketEncryption:     {putBucketEncryption, records},
	policy.DeleteBucketEncryption:  {deleteBucketEncryption, records},
	policy.GetBucketPolicy:         {getBucketPolicy, records},
	policy.PutBucketPolicy:         {putBucketPolicy, records},
	policy.DeleteBucketPolicy:      {deleteBucketPolicy, records},
	policy.GetBucketPolicyStatus:   {getBucketPolicyStatus, records},
	policy.CreateSession:           {createSession, records},
	policy.ListObjectsV2:           {listObjectsV2, listings},
	policy.ListObjects:             {listObjects, listings},
	policy.PutObject:               {putObject, sealed},
	policy.PostObject:              {postObject, sealed},
	policy.GetObject:               {getObject, sealed},
	policy.HeadObject:              {headObject, sealed},
	policy.GetObjectAttributes:     {getObjectAttributes, sealed},
	policy.CopyObject:              {copyObject, sealed},
	policy.RenameObject:            {renameObject, sealed},
	policy.UpdateObjectEncryption:  {updateObjectEncryption, sealed},
	policy.DeleteObject:            {deleteObject, sealed},
	policy.DeleteObjects:           {deleteObjects, sealed},
	policy.CreateMultipartUpload:   {createMultipartUpload, sealed},
	policy.UploadPart:              {uploadPart, sealed},
	policy.UploadPartCopy:          {uploadPartCopy, sealed},
	policy.CompleteMultipartUpload: {completeMultipartUpload, sealed},
	policy.AbortMultipartUpload:    {abortMultipartUpload, sealed},
	policy.ListParts:               {listParts, sealed},
	policy.ListMultipartUploads:    {listMultipartUploads, records},
	policy.ListObjectVersions:      {listObjectVersions, listings},

	// Configurations that the store holds and acts on.
	policy.GetBucketVersioning:             {passConfiguration, configured},
	policy.PutBucketVersioning:             {passConfiguration, configured},
	policy.GetBucketTagging:                {getBucketTagging, records},
	policy.PutBucketTagging:                {putBucketTagging, records},
	policy.DeleteBucketTagging:             {deleteBucketTagging, records},
	policy.GetObjectTagging:                {passConfiguration, configured},
	policy.PutObjectTagging:                {passConfiguration, configured},
	policy.DeleteObjectTagging:             {passConfiguration, configured},
	policy.GetObjectLockConfiguration:      {passConfiguration, configured},
	policy.PutObjectLockConfiguration:      {passConfiguration, configured},
	policy.GetObjectRetention:              {passConfiguration, configured},
	policy.PutObjectRetention:              {passConfiguration, configured},
	policy.GetObjectLegalHold:              {passConfiguration, configured},
	policy.PutObjectLegalHold:              {passConfiguration, configured},
	policy.GetBucketLifecycleConfiguration: {passConfiguration, configured},
	policy.PutBucketLifecycleConfiguration: {passConfiguration, configured},
	policy.DeleteBucketLifecycle:           {passConfiguration, configured},

	// S3 Control.
	policy.ListTagsForResource: {listTagsForResource, records},
	policy.TagResource:         {tagResource, records},
	policy.UntagResource:       {untagResource, records},

	// Settings that are recorded to be shown.
	policy.GetPublicAccessBlock:          {getPublicAccessBlock, records},
	policy.PutPublicAccessBlock:          {putPublicAccessBlock, records},
	policy.DeletePublicAccessBlock:       {deletePublicAccessBlock, records},
	policy.GetBucketOwnershipControls:    {getOwnershipControls, records},
	policy.PutBucketOwnershipControls:    {putOwnershipControls, records},
	policy.DeleteBucketOwnershipControls: {deleteOwnershipControls, records},

	// Configurations that no bucket has, so the answer is always the same.
	policy.GetBucketLocation:                        {getBucketLocation, records},
	policy.GetBucketAcl:                             {getACL, nothing},
	policy.PutBucketAcl:                             {putACL, nothing},
	policy.GetObjectAcl:                             {getACL, nothing},
	policy.PutObjectAcl:                             {putACL, nothing},
	policy.GetBucketCors:                            {constant, nothing},
	policy.DeleteBucketCors:                         {constant, nothing},
	policy.GetBucketWebsite:                         {constant, nothing},
	policy.DeleteBucketWebsite:                      {constant, nothing},
	policy.GetBucketReplication:                     {constant, nothing},
	policy.DeleteBucketReplication:                  {constant, nothing},
	policy.GetBucketLogging:                         {constant, nothing},
	policy.GetBucketNotificationConfiguration:       {constant, nothing},
	policy.GetBucketRequestPayment:                  {constant, nothing},
	policy.GetBucketAbac:                            {constant, nothing},
	policy.GetBucketAccelerateConfiguration:         {constant, nothing},
	policy.GetBucketAnalyticsConfiguration:          {constant, nothing},
	policy.GetBucketInventoryConfiguration:          {constant, nothing},
	policy.GetBucketMetricsConfiguration:            {constant, nothing},
	policy.GetBucketIntelligentTieringConfiguration: {constant, nothing},
}
