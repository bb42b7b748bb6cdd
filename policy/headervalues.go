package policy

import "strings"

// Headers that a kind of bucket doesn't know (section 1.7), as bit sets of headerID.
const (
	customerKeyMask = 1<<hCustomerAlgorithm | 1<<hCustomerKey | 1<<hCustomerKeyMD5 |
		1<<hSourceCustomerAlgorithm | 1<<hSourceCustomerKey | 1<<hSourceCustomerKeyMD5

	// unknownMask is refused by both kinds: nothing behind the proxy could keep what these promise.
	unknownMask = 1<<hGrantFullControl | 1<<hGrantRead | 1<<hGrantReadACP | 1<<hGrantWrite | 1<<hGrantWriteACP | 1<<hMfa

	lockMask           = 1<<hLockMode | 1<<hLockUntil | 1<<hLockHold | 1<<hBypassGovernance
	unknownToDirectory = unknownMask | lockMask | 1<<hWebsiteRedirect | 1<<hAcl | 1<<hBucketLock | 1<<hObjectOwnership |
		1<<hOptionalAttributes | 1<<hBucketNamespace
	unknownToGeneral = unknownMask | 1<<hWriteOffset | 1<<hRenameSource | 1<<hIfMatchSize | 1<<hIfMatchModified |
		1<<hIfMatchInitiated

	// byValue are the headers whose value or operation decides.
	byValue = 1<<hAcl | 1<<hLockMode | 1<<hLockUntil | 1<<hLockHold | 1<<hBucketLock | 1<<hObjectOwnership |
		1<<hTagging | 1<<hTaggingDirective |
		1<<hWebsiteRedirect | 1<<hAnnotationDirective | 1<<hBucketNamespace | 1<<hContentMD5 | 1<<hExpectedOwner |
		1<<hSourceExpectedOwner

	// once are the headers of which a second value can't be ignored without deciding something else
	// than the client meant. The SSE headers have their own row, H-17.
	once = ^uint64(sseMask | 1<<hHttpRange | 1<<hContentType | 1<<hSessionToken)
)

// checkUnknownHeaders refuses what the kind of bucket doesn't know.
func checkUnknownHeaders(op Operation, kind Kind, d *digest) *Refusal {
	if d.stranger != "" {
		return headerNotImplemented("1.7", d.stranger)
	}
	unknown := uint64(unknownToGeneral)
	if kind == Directory {
		unknown = unknownToDirectory
	}
	if d.present&(customerKeyMask|unknown|byValue)|d.clashing == 0 {
		return nil
	}
	for id := range numHeaders {
		switch bit := uint64(1) << id; {
		case d.present&bit == 0:
		case customerKeyMask&bit != 0 && kind == General:
			return accessDenied("H-13") // as in a bucket that blocks SSE-C, which all do
		case customerKeyMask&bit != 0:
			return headerNotImplemented("H-13", headerNames[id])
		case unknown&bit != 0:
			return headerNotImplemented("1.7", headerNames[id])
		case d.clashing&bit&once != 0:
			return invalidArgument("1.7", headerNames[id], d.header(id), "The header "+headerNames[id]+
				" was given more than once with different values.")
		case byValue&bit != 0:
			if refusal := checkHeaderValue(op, kind, id, d.header(id)); refusal != nil {
				return refusal
			}
		}
	}
	return nil
}

// checkHeaderValue decides the headers in byValue.
func checkHeaderValue(op Operation, kind Kind, id headerID, value string) *Refusal {
	accepted := true
	switch id {
	case hAcl:
		// General purpose buckets behave as with ACLs disabled: what grants nothing beyond the owner is harmless.
		if value != "private" && value != "bucket-owner-full-control" {
			return refuse("1.7", codeACLNotSupported, "The bucket does not allow ACLs")
		}
	case hBucketLock:
		accepted = strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	case hLockMode, hLockUntil, hLockHold:
		return checkLock(id, value)
	case hBucketNamespace: // whether the name is of that form decides whoever makes the bucket
		accepted = op == CreateBucket
		if accepted && value != "global" && value != "account-regional" {
			return invalidArgument("1.6", headerNames[id], value,
				"The bucket namespace must be account-regional or global.")
		}
	case hObjectOwnership:
		accepted = value == "BucketOwnerEnforced"
	case hTagging:
		accepted = kind == General && op.SealsObject() || value == "" && op == CopyObject
		if accepted {
			return checkTags(value)
		}
	case hTaggingDirective:
		accepted = op == CopyObject || kind == General
		if accepted && value != "COPY" && value != "REPLACE" {
			return invalidArgument("1.6", headerNames[id], value, "Unknown tagging directive.")
		}
	case hWebsiteRedirect: // of general purpose buckets
		if !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "http://") &&
			!strings.HasPrefix(value, "https://") {
			return refuse("1.7", codeInvalidRedirect,
				"The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
		}
	case hAnnotationDirective:
		accepted = value != "COPY"
	case hContentMD5:
		accepted = kind == General || op == DeleteObjects
	case hExpectedOwner:
		if kind == Directory && op.Regional() {
			accepted = false
		} else if !isAccount(value) {
			return invalidOwner(value)
		}
	case hSourceExpectedOwner:
		if !isAccount(value) {
			return invalidOwner(value)
		}
	}
	if accepted {
		return nil
	}
	if id == hContentMD5 {
		return refuse("1.6", codeNotImplemented, "This bucket does not support the Content-Md5 header.",
			"Header", "Content-MD5")
	}
	return headerNotImplemented("1.6", headerNames[id])
}

func invalidOwner(value string) *Refusal {
	return refuse("1.6", codeInvalidBucketOwner,
		"The value of the expected bucket owner parameter must be an AWS account ID... ["+value+"]")
}

// checkStorageClass accepts the classes of the bucket's kind; which of a directory bucket's two is
// right depends on its zone, so CheckBucket looks again. Classes that need RestoreObject before a read
// are refused.
func checkStorageClass(kind Kind, d *digest) *Refusal {
	if !d.has(hStorageClass) {
		return nil
	}
	value := d.header(hStorageClass)
	switch value {
	case "EXPRESS_ONEZONE":
		if kind == Directory {
			return nil
		}
	case "ONEZONE_IA":
		return nil
	case "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR":
		if kind == General {
			return nil
		}
	case "GLACIER", "DEEP_ARCHIVE":
		if kind == General {
			return headerNotImplemented("1.6", headerNames[hStorageClass])
		}
	}
	return invalidStorageClass(value)
}

func invalidStorageClass(value string) *Refusal {
	return refuse("1.6", codeInvalidStorageClass, "The storage class you specified is not valid",
		"StorageClassRequested", value)
}
