package policy

import "strings"

// KeyFacts is what KMS says about a key: the answer of DescribeKey, then of a round trip of
// GenerateDataKey and Decrypt.
type KeyFacts struct {
	ARN     string
	State   string // KeyState
	Manager string // KeyManager, "" when the key service doesn't say
	Spec    string // KeySpec, likewise
	Usage   string // KeyUsage, likewise
	Error   string // name of the KMS error that came instead, "" for none
	Message string // message of that error
	Denied  bool   // the caller may not use kms:GenerateDataKey and kms:Decrypt on it
}

const byDefaultName = "ApplyServerSideEncryptionByDefault"

// KeyToDescribe is the first step of PutBucketEncryption: what the rule alone allows and, when it needs a
// key, by which id KMS is to describe it ("" for none). The caller describes that key, tries it, and
// goes to DecideBucketEncryption.
func KeyToDescribe(b *Bucket, rule EncryptionRule, o *Options) (keyID string, refusal *Refusal) {
	refused := func(row, message string) (string, *Refusal) {
		return "", refuse(row, codeInvalidArgument, message, "ArgumentName", byDefaultName)
	}
	switch {
	case rule.Blocks && b.Kind == Directory:
		return refused("PBE-21", "BlockedEncryptionTypes is not supported for directory buckets.")
	case rule.BlocksNone:
		return "", refuse("PBE-21", codeNotImplemented, "SSE-C is not implemented, so it can't be allowed.",
			"Element", "BlockedEncryptionTypes")
	case rule.NoBucketKey && rule.Algorithm == "aws:kms" && b.Kind == Directory:
		return "", refuse("PBE-20", codeInvalidArgument,
			"S3 Bucket Keys are always enabled in a directory bucket and can't be disabled.",
			"ArgumentName", "BucketKeyEnabled")
	case rule.Algorithm == "aws:kms:dsse":
		return refused("PBE-17", "The encryption method specified is not supported")
	case rule.Algorithm == "AES256":
		if rule.KeyID != "" {
			return refused("PBE-18",
				"a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
		return "", nil
	case rule.KeyID == "" && b.Kind == General && o.DefaultKey != "":
		return o.DefaultKey, nil
	case rule.KeyID == "":
		row := "PBE-5"
		if b.BoundKey != "" {
			row = "PBE-6"
		}
		return refused(row, "KMSMasterKeyID is required when the default sse algorithm is aws:kms")
	case rule.KeyID == "aws/s3", rule.KeyID == "alias/aws/s3", strings.HasSuffix(rule.KeyID, ":alias/aws/s3"):
		return "", refuse("PBE-7", codeKMSNotFound, "Invalid keyId aws/s3")
	case b.Kind == Directory && formOf(rule.KeyID) == keyAlias:
		return refused("PBE-8", "The KMS key of a directory bucket must be named by key ID or key ARN.")
	case formOf(rule.KeyID) == keyARN && regionOf(rule.KeyID) != b.Region:
		return "", refuse("PBE-12", codeKMSNotFound, "Invalid arn "+regionOf(rule.KeyID))
	}
	return rule.KeyID, nil
}

// DecideBucketEncryption is the second step of PutBucketEncryption. It returns b with its new state, the
// row that decided, or the refusal that leaves b as it is; b itself is not changed. facts is nil when
// KeyToDescribe named no key.
func DecideBucketEncryption(
	b *Bucket, rule EncryptionRule, facts *KeyFacts, o *Options,
) (after Bucket, row string, refusal *Refusal) {
	after = *b
	if rule.Algorithm == "AES256" {
		after.Default = Encryption{SSE: SSES3, BucketKey: rule.BucketKey && b.Kind == General}
		after.KeyAsGiven, after.Configured = "", true
		return after, "PBE-1", nil
	}
	if facts == nil {
		return *b, "PBE-13", refuse("PBE-13", codeKMSNotFound, "Invalid keyId '"+rule.KeyID+"'")
	}
	if refusal := checkKeyFacts(rule, facts, b.Account); refusal != nil {
		return *b, refusal.Row, refusal
	}
	row = "PBE-2"
	switch {
	case b.Kind == General:
		if refusal := checkAllowedKey(b, facts.ARN, o); refusal != nil {
			return *b, refusal.Row, refusal
		}
	case b.BoundKey == "":
		if accountOf(facts.ARN) != b.Account {
			row = "PBE-10"
		}
		after.BoundKey = facts.ARN
	case b.BoundKey == facts.ARN:
		row = "PBE-3"
	default:
		return *b, "PBE-4", invalidRequest("PBE-4", "The customer managed key of a directory bucket can't be changed.")
	}
	after.Default = Encryption{SSE: SSEKMS, KeyARN: facts.ARN, BucketKey: b.Kind == Directory || rule.BucketKey}
	after.KeyAsGiven, after.Configured = rule.KeyID, true
	return after, row, nil
}

// checkKeyFacts decides whether a key can be the key of a bucket. Fields that the key service leaves
// empty don't count against it: the round trip has shown that it works.
func checkKeyFacts(rule EncryptionRule, facts *KeyFacts, account string) *Refusal {
	name := facts.ARN
	if name == "" {
		name = rule.KeyID
	}
	switch {
	case facts.Error != "":
		return refuseKeyError(facts, name)
	case formOf(rule.KeyID) == keyID && rule.KeyID != "" && accountOf(facts.ARN) != account:
		return keyNotFound("PBE-9", name)
	case facts.Manager != "" && facts.Manager != "CUSTOMER":
		return refuse("PBE-7", codeInvalidArgument, "An AWS managed key can't be used: name a customer managed key.",
			"ArgumentName", byDefaultName)
	case facts.Spec != "" && facts.Spec != "SYMMETRIC_DEFAULT", facts.Usage != "" && facts.Usage != "ENCRYPT_DECRYPT":
		return refuse("PBE-14", codeKMSInvalidUsage, name+" is not a symmetric encryption key.")
	case facts.State == "Disabled":
		return refuse("PBE-15", codeKMSDisabled, name+" is disabled.")
	case facts.State != "" && facts.State != "Enabled":
		return refuse("PBE-16", codeKMSInvalidState, name+" is "+spellState(facts.State)+".")
	case facts.Denied:
		return accessDenied("PBE-22")
	}
	return nil
}

func refuseKeyError(facts *KeyFacts, name string) *Refusal {
	refusal := RefuseKMS(facts.Error, name, facts.Message)
	rows := map[string]string{
		codeKMSDisabled: "PBE-15", codeKMSInvalidState: "PBE-16", codeKMSNotFound: "PBE-13",
		codeKMSInvalidUsage: "PBE-14", codeAccessDenied: "PBE-11",
	}
	if row, known := rows[refusal.Code]; known {
		refusal.Row = row
	}
	return refusal
}

// spellState writes a KeyState as KMS's messages do: PendingDeletion is "pending deletion".
func spellState(state string) string {
	var text []byte
	for i := range len(state) {
		c := state[i]
		if 'A' <= c && c <= 'Z' {
			if i > 0 {
				text = append(text, ' ')
			}
			c |= 0x20
		}
		text = append(text, c)
	}
	return string(text)
}

// DecideDeleteBucketEncryption returns b after DeleteBucketEncryption (row DBE-1): SSE-S3, still bound.
func DecideDeleteBucketEncryption(b *Bucket) Bucket {
	after := *b
	after.Default, after.KeyAsGiven, after.Configured = Encryption{SSE: SSES3}, "", false
	return after
}

// EncryptionConfiguration is what GetBucketEncryption says (rows GBE-1 and GBE-2): the key as it was given, none where
// none was and o.DefaultKey stands in.
func EncryptionConfiguration(b *Bucket, o *Options) EncryptionRule {
	rule := EncryptionRule{Algorithm: b.Default.SSE.String(), BucketKey: b.Default.BucketKey}
	if b.Default.SSE == SSEKMS {
		rule.KeyID = b.KeyAsGiven
		if rule.KeyID == "" && (b.Kind == Directory || b.Default.KeyARN != o.DefaultKey) {
			rule.KeyID = b.Default.KeyARN
		}
	}
	return rule
}
