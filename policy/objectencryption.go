package policy

import (
	"encoding/xml"
	"strings"
	"time"
)

// ObjectEncryption is what UpdateObjectEncryption asks for: SSE-KMS under this key.
type ObjectEncryption struct {
	KeyARN    string
	BucketKey bool
}

// ParseObjectEncryption reads the body of UpdateObjectEncryption.
func ParseObjectEncryption(body []byte) (ObjectEncryption, *Refusal) {
	var doc struct {
		XMLName xml.Name `xml:"ObjectEncryption"`
		KMS     []struct {
			KeyARN    []string   `xml:"KMSKeyArn"`
			BucketKey []string   `xml:"BucketKeyEnabled"`
			Unknown   []strayXML `xml:",any"`
		} `xml:"SSE-KMS"`
		Other []struct{ XMLName xml.Name } `xml:",any"`
	}
	if !decodeXML(body, &doc) || len(doc.KMS) > 1 || len(doc.KMS) == 1 && len(doc.Other) > 0 || len(doc.Other) > 1 {
		return ObjectEncryption{}, malformedXML(updateDocument)
	}
	if len(doc.KMS) == 0 {
		kind := ""
		if len(doc.Other) == 1 {
			kind = doc.Other[0].XMLName.Local
		}
		return ObjectEncryption{}, refuseKind(kind)
	}
	kms := doc.KMS[0]
	if len(kms.Unknown) > 0 || len(kms.KeyARN) > 1 || len(kms.BucketKey) > 1 {
		return ObjectEncryption{}, malformedXML(updateDocument)
	}
	var asked ObjectEncryption
	if len(kms.KeyARN) == 1 {
		asked.KeyARN = strings.TrimSpace(kms.KeyARN[0])
	}
	if refusal := CheckKMSKey(asked.KeyARN); refusal != nil {
		return ObjectEncryption{}, refusal
	}
	if len(kms.BucketKey) == 1 {
		switch strings.TrimSpace(kms.BucketKey[0]) {
		case "true", "1":
			asked.BucketKey = true
		case "false", "0":
		default:
			return ObjectEncryption{}, invalidRequest(updateFlag,
				"The BucketKeyEnabled value isn't valid. Valid values are true or false. Modify the request to "+
					"specify a valid value, and then try again.")
		}
	}
	return asked, nil
}

// CheckKMSKey refuses what isn't the ARN of a KMS key.
func CheckKMSKey(arn string) *Refusal {
	switch {
	case arn == "":
		return invalidRequest(updateKey,
			"Requests that modify an object's encryption type to SSE-KMS require an AWS KMS key Amazon Resource Name "+
				"(ARN). "+
				"Modify the request to specify a KMS key ARN, and then try again.")
	case !namesKMSKey(arn):
		return invalidRequest(updateKey,
			"Requests that modify an object's encryption type to SSE-KMS require a valid AWS KMS key Amazon Resource "+
				"Name (ARN). "+
				"Confirm that you have a correctly formatted KMS key ARN in your request, and then try again.")
	}
	return nil
}

// refuseKind refuses the element of another kind of encryption, "" for none.
func refuseKind(kind string) *Refusal {
	switch kind {
	case "DSSE-KMS", "SSE-C":
		return invalidRequest(updateKind,
			"The UpdateObjectEncryption operation doesn't support updating the encryption type to DSSE-KMS or SSE-C. "+
				"Modify the request to specify SSE-KMS for the updated encryption type, and then try again.")
	case "", "SSE-S3":
		return invalidRequest(updateKind,
			"Requests that modify an object encryption configuration require a valid new encryption type. Valid "+
				"values are SSEKMS. "+
				"Modify the request to specify SSE-KMS for the updated encryption type, and then try again.")
	}
	return malformedXML(updateDocument)
}

// namesKMSKey reports whether an ARN is that of a KMS key, no alias: the pattern of KMSKeyArn.
func namesKMSKey(arn string) bool {
	id, isKey := strings.CutPrefix(resourceOf(arn), "key/")
	return strings.HasPrefix(arn, "arn:aws") && arnField(arn, 2) == "kms" && isAccount(accountOf(arn)) &&
		isKey && id != ""
}

// DecideObjectEncryption decides how UpdateObjectEncryption seals the object, now that its document is read. Whether
// the caller may use the key is decided by Authorize, with the key in the target.
func DecideObjectEncryption(b *Bucket, asked ObjectEncryption, o *Options) (Decision, *Refusal) {
	if !KeyAllowed(b, SSEKMS, asked.KeyARN, o) {
		if accountOf(asked.KeyARN) == b.Account {
			return Decision{}, accessDenied(generalAllowed)
		}
		return Decision{}, refuse(generalAllowed, codeAccessDenied,
			"The AWS KMS key in the request must be owned by the same account as the bucket. Modify the request to "+
				"specify a KMS key from the same account, and then try again.")
	}
	return Decision{
		Row: updateAllowed, Encryption: Encryption{SSE: SSEKMS, KeyARN: asked.KeyARN, BucketKey: asked.BucketKey},
	}, nil
}

// DecideUpdate completes a decision of DecideObjectEncryption with what the object has: existing is its encryption, and
// what its Object Lock says at the moment now. The encryption context stays. changes is false when the object has the
// encryption that is asked for.
func DecideUpdate(
	d Decision, existing Encryption, lock ObjectLock, now time.Time,
) (decided Decision, changes bool, refusal *Refusal) {
	if lock.protects(now) {
		return Decision{}, false, refuse(updateLocked, codeAccessDenied,
			"The encryption type for the specified object can't be updated because that object is protected by S3 "+
				"Object Lock. "+
				"If the object has a governance-mode retention period or a legal hold, you must first remove the "+
				"Object Lock status on the object "+
				"before you issue your UpdateObjectEncryption request. You can't use the UpdateObjectEncryption "+
				"operation with objects that have "+
				"an Object Lock compliance mode retention period applied to them.")
	}
	if existing.SSE == SSEKMS {
		d.Encryption.Context = existing.Context
	}
	if existing.sameKey(d.Encryption) && existing.BucketKey == d.Encryption.BucketKey {
		d.Row = updateSame
		return d, false, nil
	}
	return d, true, nil
}
