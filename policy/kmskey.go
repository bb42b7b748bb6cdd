package policy

import "strings"

// keyForm is how a request names a KMS key.
type keyForm uint8

const (
	keyID keyForm = iota // a UUID or mrk- id, of the bucket owner's account
	keyARN
	keyAlias // an alias name or alias ARN
)

func formOf(key string) keyForm {
	if strings.HasPrefix(key, "alias/") {
		return keyAlias
	}
	if !strings.HasPrefix(key, "arn:") {
		return keyID
	}
	if strings.HasPrefix(resourceOf(key), "alias/") {
		return keyAlias
	}
	return keyARN
}

// namesKey reports whether key, a key id or ARN, names the KMS key with the ARN k. An id is one of the
// bucket owner's account; a key of another account must be named by its whole ARN.
func namesKey(key, k, account string) bool {
	if formOf(key) == keyARN {
		return key == k
	}
	return accountOf(k) == account && resourceOf(k) == "key/"+key
}

// KeyARN returns the ARN of a key id in the bucket owner's account and the bucket's Region; an ARN is
// returned as it is. Aliases can't be resolved without KMS: ok is false.
func KeyARN(b *Bucket, key string) (arn string, ok bool) {
	switch formOf(key) {
	case keyARN:
		return key, true
	case keyAlias:
		return "", false
	}
	partition := arnField(b.ARN, 1)
	if partition == "" {
		partition = "aws"
	}
	return "arn:" + partition + ":kms:" + b.Region + ":" + b.Account + ":key/" + key, true
}
