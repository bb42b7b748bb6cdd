package policy

import (
	"strconv"
	"strings"
)

// actionNames are all actions there are, by service, as policies spell them: a policy that names another one promises
// what it can't keep, such as a Deny that never denies. Not all of them permit something here. Source: Service
// Authorization Reference, "Actions, resources, and condition keys" for Amazon S3, Amazon S3 Express and AWS KMS.
var actionNames = [...]struct{ service, names string }{
	{"s3", `AbortMultipartUpload AllowVendedLogDeliveryForResource AssociateAccessGrantsIdentityCenter
		BypassGovernanceRetention CreateAccessGrant CreateAccessGrantsInstance CreateAccessGrantsLocation
		CreateAccessPoint CreateAccessPointForObjectLambda CreateBucket CreateBucketMetadataTableConfiguration
		CreateJob CreateMultiRegionAccessPoint CreateStorageLensGroup DeleteAccessGrant DeleteAccessGrantsInstance
		DeleteAccessGrantsInstanceResourcePolicy DeleteAccessGrantsLocation DeleteAccessPoint
		DeleteAccessPointForObjectLambda DeleteAccessPointPolicy DeleteAccessPointPolicyForObjectLambda DeleteBucket
		DeleteBucketMetadataTableConfiguration DeleteBucketPolicy DeleteBucketWebsite DeleteJobTagging
		DeleteMultiRegionAccessPoint DeleteObject DeleteObjectAnnotation DeleteObjectTagging DeleteObjectVersion
		DeleteObjectVersionAnnotation DeleteObjectVersionTagging DeleteStorageLensConfiguration
		DeleteStorageLensConfigurationTagging DeleteStorageLensGroup DescribeJob
		DescribeMultiRegionAccessPointOperation DissociateAccessGrantsIdentityCenter GetAccelerateConfiguration
		GetAccessGrant GetAccessGrantsInstance GetAccessGrantsInstanceForPrefix GetAccessGrantsInstanceResourcePolicy
		GetAccessGrantsLocation GetAccessPoint GetAccessPointConfigurationForObjectLambda GetAccessPointForObjectLambda
		GetAccessPointPolicy GetAccessPointPolicyForObjectLambda GetAccessPointPolicyStatus
		GetAccessPointPolicyStatusForObjectLambda GetAccountPublicAccessBlock GetAnalyticsConfiguration GetBucketAbac
		GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration
		GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy
		GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning
		GetBucketWebsite GetDataAccess GetEncryptionConfiguration GetIntelligentTieringConfiguration
		GetInventoryConfiguration GetJobTagging GetLifecycleConfiguration GetMetricsConfiguration
		GetMultiRegionAccessPoint GetMultiRegionAccessPointPolicy GetMultiRegionAccessPointPolicyStatus
		GetMultiRegionAccessPointRoutes GetObject GetObjectAcl GetObjectAnnotation GetObjectAttributes
		GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion GetObjectVersionAcl
		GetObjectVersionAnnotation GetObjectVersionAnnotationForReplication GetObjectVersionAttributes
		GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent GetReplicationConfiguration
		GetStorageLensConfiguration GetStorageLensConfigurationTagging GetStorageLensDashboard GetStorageLensGroup
		InitiateReplication ListAccessGrants ListAccessGrantsInstances ListAccessGrantsLocations ListAccessPoints
		ListAccessPointsForObjectLambda ListAllMyBuckets ListBucket ListBucketMultipartUploads ListBucketVersions
		ListCallerAccessGrants ListJobs ListMultiRegionAccessPoints ListMultipartUploadParts ListObjectAnnotations
		ListObjectVersionAnnotations ListStorageLensConfigurations ListStorageLensGroups ListTagsForResource
		ObjectOwnerOverrideToBucketOwner PauseReplication PutAccelerateConfiguration
		PutAccessGrantsInstanceResourcePolicy PutAccessPointConfigurationForObjectLambda PutAccessPointPolicy
		PutAccessPointPolicyForObjectLambda PutAccessPointPublicAccessBlock PutAccountPublicAccessBlock
		PutAnalyticsConfiguration PutBucketAbac PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification
		PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock
		PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite PutEncryptionConfiguration
		PutIntelligentTieringConfiguration PutInventoryConfiguration PutJobTagging PutLifecycleConfiguration
		PutMetricsConfiguration PutMultiRegionAccessPointPolicy PutObject PutObjectAcl PutObjectAnnotation
		PutObjectLegalHold PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionAnnotation
		PutObjectVersionTagging PutReplicationConfiguration PutStorageLensConfiguration
		PutStorageLensConfigurationTagging ReplicateDelete ReplicateObject ReplicateObjectAnnotation ReplicateTags
		RestoreObject SubmitMultiRegionAccessPointRoutes TagResource UntagResource UpdateAccessGrantsLocation
		UpdateBucketMetadataAnnotationTableConfiguration UpdateBucketMetadataInventoryTableConfiguration
		UpdateBucketMetadataJournalTableConfiguration UpdateJobPriority UpdateJobStatus UpdateObjectEncryption
		UpdateStorageLensGroup`},
	{"s3express", `CreateAccessPoint CreateBucket CreateSession DeleteAccessPoint DeleteAccessPointPolicy
		DeleteAccessPointScope DeleteBucket DeleteBucketPolicy GetAccessPoint GetAccessPointPolicy GetAccessPointScope
		GetBucketPolicy GetEncryptionConfiguration GetInventoryConfiguration GetLifecycleConfiguration
		GetMetricsConfiguration ListAccessPointsForDirectoryBuckets ListAllMyDirectoryBuckets ListTagsForResource
		PutAccessPointPolicy PutAccessPointScope PutBucketPolicy PutEncryptionConfiguration PutInventoryConfiguration
		PutLifecycleConfiguration PutMetricsConfiguration TagResource UntagResource`},
	{"kms", `CancelKeyDeletion ConnectCustomKeyStore CreateAlias CreateCustomKeyStore CreateGrant CreateKey Decrypt
		DeleteAlias DeleteCustomKeyStore DeleteImportedKeyMaterial DeriveSharedSecret DescribeCustomKeyStores
		DescribeKey DisableKey DisableKeyRotation DisconnectCustomKeyStore EnableKey EnableKeyRotation Encrypt
		GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext
		GenerateMac GenerateRandom GetKeyLastUsage GetKeyPolicy GetKeyRotationStatus GetParametersForImport
		GetPublicKey ImportKeyMaterial ListAliases ListGrants ListKeyPolicies ListKeyRotations ListKeys
		ListResourceTags ListRetirableGrants PutKeyPolicy ReEncryptFrom ReEncryptTo ReplicateKey RetireGrant
		RevokeGrant RotateKeyOnDemand ScheduleKeyDeletion Sign SynchronizeMultiRegionKey TagResource UntagResource
		UpdateAlias UpdateCustomKeyStore UpdateKeyDescription UpdatePrimaryRegion Verify VerifyMac`},
	{"sts", `AssumeRole`},
}

// allActions are actionNames with their services.
var allActions = func() (all []string) {
	for _, a := range actionNames {
		for name := range strings.FieldsSeq(a.names) {
			all = append(all, a.service+":"+name)
		}
	}
	return all
}()

// checkAction refuses a pattern of actions, in any case, that no action there is matches.
func checkAction(pattern string) error {
	lower := strings.ToLower(pattern)
	for _, name := range allActions {
		if match(lower, strings.ToLower(name)) {
			return nil
		}
	}
	return &wordFault{
		why: strconv.Quote(pattern) + " is no action, and matches none", amazons: "Policy has invalid action",
		detail: pattern,
		hint:   didYouMean(pattern, allActions),
	}
}

// wordFault is a word of a policy that isn't one, for which Amazon has a text.
type wordFault struct {
	why             string
	amazons, detail string // of a MalformedPolicy
	hint            string // the nearest right word, as the end of a sentence; "" for none
}

func (f *wordFault) Error() string { return f.why + f.hint }

// didYouMean ends a sentence about a word that is none with the nearest that is; "" when none is near.
func didYouMean(word string, words []string) string {
	if best := Nearest(word, words); best != "" {
		return ": did you mean " + best + "?"
	}
	return ""
}

// Nearest is the word that a mistyped one was probably meant to be; "" when none is near. A star at its end stands for
// any end of a word.
func Nearest(word string, words []string) string {
	stem, open := strings.CutSuffix(word, "*")
	best, least := "", len(word)/4+1
	for _, candidate := range words {
		if open && len(candidate) > len(stem) {
			candidate = candidate[:len(stem)]
		}
		if d := distance(strings.ToLower(stem), strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	if best != "" && open {
		best += "*"
	}
	return best
}

// distance is how many letters have to be put in, taken out or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

const createSession = "s3express:CreateSession"
