package policy

// CheckRequest decides what needs neither session nor bucket record: headers and parameters that the
// kind of bucket doesn't know, values that are malformed, limits of keys and numbers, encryption
// headers by themselves (H-1 to H-3, H-6, H-12 to H-14, H-17), and encryption headers on operations
// that take none (G-1 to G-4, UP-2, UC-3, UC-4). op is what Classify named. What a PostObject requests is
// in its form: check a second Request whose Key and Header are the form's fields.
func CheckRequest(op Operation, r *Request) *Refusal {
	d, kind := r.inspect(), KindOf(r.Bucket)
	if op.OnObject() || op == PostObject {
		if refusal := checkKey(r.Key); refusal != nil {
			return refusal
		}
	}
	if refusal := checkUnknownHeaders(op, kind, d); refusal != nil {
		return refusal
	}
	if refusal := checkParameters(op, kind, d); refusal != nil {
		return refusal
	}
	switch {
	case op.TakesEncryption():
		if _, refusal := d.readSSEHeaders(); refusal != nil {
			return refusal
		}
		if refusal := firstRefusal(checkStorageClass(kind, d), checkRetention(d)); refusal != nil {
			return refusal
		}
	case op.OpensObject():
		if refusal := d.refuseSSEHeaders(""); refusal != nil {
			return refusal
		}
	}
	switch op {
	case PutObject:
		return firstRefusal(checkWriteConditions(d), checkWriteOffset(d))
	case CompleteMultipartUpload:
		return checkWriteConditions(d)
	case CopyObject:
		return firstRefusal(checkCopy(r, d), checkWriteConditions(d))
	case UploadPart:
		return firstRefusal(checkPartNumber(d), d.refuseSSEHeaders("UP-2"))
	case UploadPartCopy:
		return firstRefusal(checkPartNumber(d), d.refuseSSEHeaders("UC-3"), checkCopy(r, d))
	case RenameObject:
		return checkRename(r, d)
	case UpdateObjectEncryption:
		return firstRefusal(d.refuseSSEHeaders(updateHeaders), refuseConditions(d))
	case GetObject, HeadObject:
		return checkRead(d)
	case GetObjectAttributes:
		return checkAttributes(d)
	case DeleteObject:
		return checkDeleteConditions(d)
	case AbortMultipartUpload:
		return checkDate(d, hIfMatchInitiated)
	case DeleteObjects:
		if !d.has(hContentMD5) && !d.checksum {
			return invalidRequest("6.1", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
		}
	case ListObjects, ListObjectsV2, ListMultipartUploads, ListObjectVersions:
		return checkListing(op, kind, d)
	case ListParts:
		return firstRefusal(checkCount(d, qMaxParts), checkCount(d, qPartMarker), checkEncodingType(d))
	case ListDirectoryBuckets:
		return checkCount(d, qMaxBuckets)
	case CreateSession:
		return checkSessionRequest(d)
	case UntagResource:
		return checkRemovedTags(r)
	}
	return nil
}

// CheckBucket decides what needs the bucket's record as well as the request: the expected owner, the
// storage class of its zone, appends in Local Zones. It comes after authorization.
func CheckBucket(op Operation, r *Request, b *Bucket) *Refusal {
	d := r.inspect()
	if d.has(hExpectedOwner) && d.header(hExpectedOwner) != b.Account {
		return accessDenied("1.6")
	}
	if b.Kind != Directory {
		return nil
	}
	if op.TakesEncryption() && d.has(hStorageClass) {
		class := "EXPRESS_ONEZONE"
		if b.LocalZone {
			class = "ONEZONE_IA"
		}
		if v := d.header(hStorageClass); v != class {
			return invalidStorageClass(v)
		}
	}
	if op == PutObject && b.LocalZone && d.has(hWriteOffset) {
		return headerNotImplemented("6.3", headerNames[hWriteOffset])
	}
	return nil
}

// CheckSource decides what needs the record of a copy's source bucket: its expected owner.
func CheckSource(r *Request, source *Bucket) *Refusal {
	d := r.inspect()
	if d.has(hSourceExpectedOwner) && d.header(hSourceExpectedOwner) != source.Account {
		return accessDenied("1.6")
	}
	return nil
}

// checkSessionRequest holds section 3.1. What SDKs mean by a mode is decided by SessionMode.
func checkSessionRequest(d *digest) *Refusal {
	if d.has(hSessionToken) {
		return invalidRequest("3.1", "The request should not include the x-amz-s3session-token header.")
	}
	if v := d.header(hSessionMode); d.has(hSessionMode) && v != "ReadWrite" && v != "ReadOnly" {
		return invalidArgument("3.1", headerNames[hSessionMode], v, "The session mode must be ReadWrite or ReadOnly.")
	}
	return nil
}
