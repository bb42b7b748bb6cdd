package policy

import "strings"

// RefuseKMS translates the name of a KMS error that a call about the key keyARN got (section 5.3). name ""
// stands for a call without an answer: a network failure or a timeout. message is KMS's own text; only
// the state of a key is taken from it.
func RefuseKMS(name, keyARN, message string) *Refusal {
	switch strings.TrimSuffix(name, "Exception") {
	case "Disabled":
		return refuse("KE-1", codeKMSDisabled, keyARN+" is disabled.")
	case "KMSInvalidState":
		for _, state := range [...]string{
			"pending replica deletion", "pending import", "unavailable", "creating", "updating",
		} {
			if strings.Contains(message, state) {
				return refuse("KE-2", codeKMSInvalidState, keyARN+" is "+state+".")
			}
		}
		return refuse("KE-2", codeKMSInvalidState, keyARN+" is pending deletion.")
	case "NotFound", "InvalidArn":
		return keyNotFound("KE-3", keyARN)
	case "InvalidKeyUsage":
		return refuse("KE-4", codeKMSInvalidUsage, keyARN+" is not a symmetric encryption key.")
	case "AccessDenied":
		return accessDenied("KE-5")
	case "Throttling", "LimitExceeded", "RequestLimitExceeded", "TooManyRequests":
		return refuse("KE-6", codeSlowDown, "Please reduce your request rate for operations involving AWS KMS.")
	case "InvalidCiphertext", "IncorrectKey":
		return refuse("KE-8", codeInternalError, "We encountered an internal error. Please try again.")
	}
	return refuse("KE-7", codeServiceUnavailable, "Service is unable to handle request.")
}

func keyNotFound(row, key string) *Refusal {
	if strings.HasPrefix(key, "arn:") {
		return refuse(row, codeKMSNotFound, "Key '"+key+"' does not exist")
	}
	return refuse(row, codeKMSNotFound, "Invalid keyId '"+key+"'")
}
