package policy

// Need is one permission that an operation requires of its caller.
type Need struct {
	Action   string
	Resource string
	Mode     Mode // of s3express:CreateSession: what the condition key s3express:SessionMode must allow
}

// regionalActions are the permissions of section 1.2, without their service prefix; general purpose
// buckets have the same names under s3:, except where generalActions says otherwise.
var regionalActions = [numOperations]string{
	CreateBucket:                    "CreateBucket",
	DeleteBucket:                    "DeleteBucket",
	ListDirectoryBuckets:            "ListAllMyDirectoryBuckets",
	PutBucketPolicy:                 "PutBucketPolicy",
	GetBucketPolicy:                 "GetBucketPolicy",
	DeleteBucketPolicy:              "DeleteBucketPolicy",
	PutBucketEncryption:             "PutEncryptionConfiguration",
	DeleteBucketEncryption:          "PutEncryptionConfiguration",
	GetBucketEncryption:             "GetEncryptionConfiguration",
	PutBucketLifecycleConfiguration: "PutLifecycleConfiguration",
	DeleteBucketLifecycle:           "PutLifecycleConfiguration",
	GetBucketLifecycleConfiguration: "GetLifecycleConfiguration",
	GetBucketInventoryConfiguration: "GetInventoryConfiguration",
	GetBucketMetricsConfiguration:   "GetMetricsConfiguration",
	ListTagsForResource:             "ListTagsForResource",
	TagResource:                     "TagResource",
	UntagResource:                   "UntagResource",
}

var generalActions = [numOperations]string{
	ListBuckets:             "s3:ListAllMyBuckets",
	GetBucketLocation:       "s3:GetBucketLocation",
	GetBucketPolicyStatus:   "s3:GetBucketPolicyStatus",
	HeadBucket:              "s3:ListBucket",
	ListObjects:             "s3:ListBucket",
	ListObjectsV2:           "s3:ListBucket",
	ListMultipartUploads:    "s3:ListBucketMultipartUploads",
	ListParts:               "s3:ListMultipartUploadParts",
	AbortMultipartUpload:    "s3:AbortMultipartUpload",
	GetObject:               "s3:GetObject",
	HeadObject:              "s3:GetObject",
	GetObjectAttributes:     "s3:GetObjectAttributes",
	DeleteObject:            "s3:DeleteObject",
	PutObject:               "s3:PutObject",
	PostObject:              "s3:PutObject",
	CopyObject:              "s3:PutObject",
	CreateMultipartUpload:   "s3:PutObject",
	UploadPart:              "s3:PutObject",
	UploadPartCopy:          "s3:PutObject",
	CompleteMultipartUpload: "s3:PutObject",
	UpdateObjectEncryption:  "s3:UpdateObjectEncryption",

	ListObjectVersions:                       "s3:ListBucketVersions",
	GetBucketVersioning:                      "s3:GetBucketVersioning",
	PutBucketVersioning:                      "s3:PutBucketVersioning",
	GetBucketTagging:                         "s3:GetBucketTagging",
	PutBucketTagging:                         "s3:PutBucketTagging",
	DeleteBucketTagging:                      "s3:PutBucketTagging",
	GetObjectTagging:                         "s3:GetObjectTagging",
	PutObjectTagging:                         "s3:PutObjectTagging",
	DeleteObjectTagging:                      "s3:DeleteObjectTagging",
	GetObjectLockConfiguration:               "s3:GetBucketObjectLockConfiguration",
	PutObjectLockConfiguration:               "s3:PutBucketObjectLockConfiguration",
	GetObjectRetention:                       "s3:GetObjectRetention",
	PutObjectRetention:                       "s3:PutObjectRetention",
	GetObjectLegalHold:                       "s3:GetObjectLegalHold",
	PutObjectLegalHold:                       "s3:PutObjectLegalHold",
	GetBucketAcl:                             "s3:GetBucketAcl",
	PutBucketAcl:                             "s3:PutBucketAcl",
	GetObjectAcl:                             "s3:GetObjectAcl",
	PutObjectAcl:                             "s3:PutObjectAcl",
	GetBucketCors:                            "s3:GetBucketCORS",
	DeleteBucketCors:                         "s3:PutBucketCORS",
	GetBucketWebsite:                         "s3:GetBucketWebsite",
	DeleteBucketWebsite:                      "s3:DeleteBucketWebsite",
	GetBucketReplication:                     "s3:GetReplicationConfiguration",
	DeleteBucketReplication:                  "s3:PutReplicationConfiguration",
	GetBucketLogging:                         "s3:GetBucketLogging",
	GetBucketNotificationConfiguration:       "s3:GetBucketNotification",
	GetBucketRequestPayment:                  "s3:GetBucketRequestPayment",
	GetBucketAbac:                            "s3:GetBucketAbac",
	GetBucketAccelerateConfiguration:         "s3:GetAccelerateConfiguration",
	GetBucketOwnershipControls:               "s3:GetBucketOwnershipControls",
	GetPublicAccessBlock:                     "s3:GetBucketPublicAccessBlock",
	PutPublicAccessBlock:                     "s3:PutBucketPublicAccessBlock",
	DeletePublicAccessBlock:                  "s3:PutBucketPublicAccessBlock",
	PutBucketOwnershipControls:               "s3:PutBucketOwnershipControls",
	DeleteBucketOwnershipControls:            "s3:PutBucketOwnershipControls",
	GetBucketAnalyticsConfiguration:          "s3:GetAnalyticsConfiguration",
	GetBucketIntelligentTieringConfiguration: "s3:GetIntelligentTieringConfiguration",
}

// versionActions are the permissions that take the place of others when a request names a version.
var versionActions = map[string]string{
	"s3:GetObject":           "s3:GetObjectVersion",
	"s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
	"s3:DeleteObject":        "s3:DeleteObjectVersion",
	"s3:GetObjectTagging":    "s3:GetObjectVersionTagging",
	"s3:PutObjectTagging":    "s3:PutObjectVersionTagging",
	"s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
	"s3:GetObjectAcl":        "s3:GetObjectVersionAcl",
	"s3:PutObjectAcl":        "s3:PutObjectVersionAcl",
}

// headerActions are the permissions that a header requires as well as the operation's own, in general purpose buckets.
var headerActions = [...]struct {
	header headerID
	action string
}{
	{hTagging, "s3:PutObjectTagging"},
	{hLockMode, "s3:PutObjectRetention"},
	{hLockHold, "s3:PutObjectLegalHold"},
	{hBypassGovernance, "s3:BypassGovernanceRetention"},
}

// generalNeeds completes the needs of an operation on an object of a general purpose bucket by what its version and the
// request's headers require.
func generalNeeds(needs []Need, op Operation, r *Request, t *Target) []Need {
	if t.Version != "" {
		if action, known := versionActions[needs[0].Action]; known {
			needs[0].Action = action
		}
	}
	d := r.inspect()
	for _, h := range headerActions {
		if d.has(h.header) && op.Writes() {
			needs = append(needs, Need{Action: h.action, Resource: t.BucketARN + "/" + t.Key})
		}
	}
	return needs
}

// The actions with both prefixes, made once so that no request has to.
var expressActions, s3Actions = prefixed("s3express:"), prefixed("s3:")

func prefixed(service string) (actions [numOperations]string) {
	for op, name := range regionalActions {
		if name != "" {
			actions[op] = service + name
		}
	}
	return actions
}

// ActionsFor appends to dst the permissions that op needs on the bucket with the given kind and ARN, and returns it.
// key is the object's key, used for general purpose buckets only. keyARN is the KMS key of what is written or read, ""
// without SSE-KMS and for a HeadObject without checksum mode. DeleteObjects on a general purpose bucket needs nothing
// by itself: authorize DeleteObject key by key. A copy needs SourceActions too.
func ActionsFor(dst []Need, op Operation, kind Kind, bucketARN, key, keyARN string) []Need {
	if need, ok := objectNeed(op, kind, bucketARN, key); ok {
		dst = append(dst, need)
	}
	return appendKMSNeeds(dst, op, kind, keyARN)
}

// appendKMSNeeds appends what op needs on the KMS key; nothing for "".
func appendKMSNeeds(dst []Need, op Operation, kind Kind, keyARN string) []Need {
	if keyARN == "" {
		return dst
	}
	generate, decrypt := kmsNeeds(op, kind)
	if generate {
		dst = append(dst, Need{Action: "kms:GenerateDataKey", Resource: keyARN})
	}
	if decrypt {
		dst = append(dst, Need{Action: "kms:Decrypt", Resource: keyARN})
	}
	return dst
}

// SourceActions appends what a copy needs on its source.
func SourceActions(dst []Need, kind Kind, bucketARN, key, keyARN string) []Need {
	if need, ok := objectNeed(GetObject, kind, bucketARN, key); ok {
		dst = append(dst, need)
	}
	if keyARN != "" {
		dst = append(dst, Need{Action: "kms:Decrypt", Resource: keyARN})
	}
	return dst
}

// objectNeed returns the permission on bucket or object.
func objectNeed(op Operation, kind Kind, bucketARN, key string) (need Need, ok bool) {
	need = Need{Action: generalActions[op], Resource: bucketARN}
	switch {
	case op == ListDirectoryBuckets:
		return Need{Action: expressActions[op], Resource: "*"}, true
	case op == ListBuckets:
		need.Resource = "*"
	case kind == Directory && op.Regional():
		need.Action = expressActions[op]
	case kind == Directory:
		need.Action = createSession
		if op.AllowedReadOnly() {
			need.Mode = ReadOnly
		}
	case op == DeleteObjects:
		return Need{}, false
	case op.OnObject() || op == PostObject:
		need.Resource = bucketARN + "/" + key
	case need.Action == "":
		need.Action = s3Actions[op]
	}
	return need, true
}

// kmsNeeds says which KMS permissions the caller needs on the key: reading needs GenerateDataKey too in
// directory buckets (R25), where bucket keys are always on.
func kmsNeeds(op Operation, kind Kind) (generate, decrypt bool) {
	switch op {
	case CreateSession, PutBucketEncryption, CreateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload:
		return true, true
	case UpdateObjectEncryption: // Decrypt is needed on the key that the object has: AuthorizeSource
		return true, false
	case PutObject, PostObject, CopyObject:
		return true, kind == Directory && op != CopyObject
	case GetObject, HeadObject, GetObjectAttributes:
		return kind == Directory, true
	}
	return false, false
}
