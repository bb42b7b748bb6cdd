package policy

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

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

// An Entry is a key in the document of DeleteObjects, with its conditions; "" for none.
type Entry struct{ Key, ETag, Size, LastModified string }

// CheckEntry is CheckRequest for a key of DeleteObjects: it is checked as a DeleteObject with the same conditions would
// be.
func CheckEntry(bucket string, e *Entry) *Refusal {
	d := digest{kind: KindOf(bucket)}
	for id, value := range map[headerID]string{
		hIfMatch: e.ETag, hIfMatchSize: e.Size, hIfMatchModified: e.LastModified,
	} {
		if value != "" {
			d.present |= 1 << id
			d.headers[id] = value
		}
	}
	return firstRefusal(checkKey(e.Key), checkUnknownHeaders(DeleteObject, d.kind, &d), checkDeleteConditions(&d))
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

const (
	maxKeyLength  = 1024
	maxPartNumber = 10_000
)

// checkKey holds section 6.8: length, UTF-8, and no climbing above the root. Segments are never
// normalised.
func checkKey(key string) *Refusal {
	if len(key) > maxKeyLength {
		return refuse("6.8", codeKeyTooLong, "Your key is too long",
			"Size", strconv.Itoa(len(key)), "MaxSizeAllowed", strconv.Itoa(maxKeyLength))
	}
	if !utf8.ValidString(key) || strings.Contains(key, "..") && climbs(key) {
		return refuse("6.8", codeInvalidURI, "Couldn't parse the specified URI.", "URI",
			strings.ToValidUTF8(key, "\uFFFD"))
	}
	return nil
}

// climbs reports whether the segments of key, read left to right, lead above the root.
func climbs(key string) bool {
	depth := 0
	for segment := range strings.SplitSeq(key, "/") {
		switch segment {
		case "..":
			if depth--; depth < 0 {
				return true
			}
		case ".", "":
		default:
			depth++
		}
	}
	return false
}

// checkParameters refuses parameters that directory buckets don't know, versions other than the only
// one there is, and known parameters given twice with different values.
func checkParameters(op Operation, kind Kind, d *digest) *Refusal {
	if d.asked == 0 && d.unreadable == "" {
		return nil
	}
	for id := range numQueries {
		if d.repeated&(1<<id) != 0 {
			return invalidArgument("1.7", queryNames[id], d.query(id), "The parameter "+queryNames[id]+
				" was given more than once with different values.")
		}
	}
	if kind == Directory {
		for _, id := range [...]queryID{qStartAfter, qUploadIDMarker} {
			if d.asks(id) && (op == ListObjectsV2 || op == ListMultipartUploads) {
				return parameterNotImplemented("1.7", queryNames[id])
			}
		}
	}
	if d.asks(qVersionID) && op.OnObject() {
		if refusal := checkVersion(op, kind, d.query(qVersionID)); refusal != nil {
			return refusal
		}
	}
	if (op == GetObject || op == HeadObject) && d.unreadable != "" {
		return refuse("4.5", codeInvalidArgument, "Header value cannot be represented using ISO-8859-1.",
			"ArgumentName", d.unreadable)
	}
	return nil
}

// checkVersion: objects of directory buckets have no versions but null, and what makes an object can't choose one.
func checkVersion(op Operation, kind Kind, version string) *Refusal {
	switch {
	case kind == General && !op.OnVersion():
		return invalidArgument("1.7", queryNames[qVersionID], version, "This operation does not accept a version-id.")
	case !ValidVersion(kind, version):
		return invalidArgument("1.7", queryNames[qVersionID], version, "Invalid version id specified")
	}
	return nil
}

// ValidVersion reports whether a version id can be one: null in directory buckets, visible ASCII in others. Which there
// are the store knows.
func ValidVersion(kind Kind, version string) bool {
	if kind != General {
		return version == "null"
	}
	for i := range len(version) {
		if version[i] <= ' ' || version[i] > '~' {
			return false
		}
	}
	return version != "" && len(version) <= maxKeyLength
}

const (
	shapeText = "This bucket does not support a prefix that does not end in a delimiter. Specify a prefix path " +
		"ending with a delimiter and try again."
	methodText = "Invalid Encoding Method specified in Request"
)

// checkListing holds section 6.5, and with it the same parameters of ListMultipartUploads.
func checkListing(op Operation, kind Kind, d *digest) *Refusal {
	if kind == Directory {
		if v := d.query(qDelimiter); d.asks(qDelimiter) && v != "" && v != "/" {
			return refuse("6.5", codeInvalidRequest, "This bucket supports only the delimiter '/'.", "Delimiter", v)
		}
		if v := d.query(qPrefix); v != "" && !strings.HasSuffix(v, "/") {
			return invalidRequest("6.5", shapeText)
		}
	}
	count := qMaxKeys
	if op == ListMultipartUploads {
		count = qMaxUploads
	}
	return firstRefusal(checkCount(d, count), checkEncodingType(d))
}

func checkEncodingType(d *digest) *Refusal {
	if v := d.query(qEncodingType); d.asks(qEncodingType) && v != "" && v != "url" {
		return invalidArgument("6.5", queryNames[qEncodingType], v, methodText)
	}
	return nil
}

// checkCount accepts what is a number; larger ones than 1000 are cut by whoever lists. Empty is absent.
func checkCount(d *digest, id queryID) *Refusal {
	v := d.query(id)
	if v == "" {
		return nil
	}
	if n, err := strconv.ParseInt(v, 10, 32); err != nil || n < 0 || v[0] == '+' {
		return invalidArgument("6.5", queryNames[id], v, "Argument "+queryNames[id]+
			" must be an integer between 0 and 2147483647")
	}
	return nil
}

// checkPartNumber holds row RD-7 and its like in section 6.6.
func checkPartNumber(d *digest) *Refusal {
	v := d.query(qPartNumber)
	if n, err := strconv.ParseUint(v, 10, 16); err == nil && n >= 1 && n <= maxPartNumber {
		return nil
	}
	return invalidArgument("RD-7", queryNames[qPartNumber], v,
		"Part number must be an integer between 1 and 10000, inclusive")
}

// checkRead holds RD-6 and RD-7.
func checkRead(d *digest) *Refusal {
	if !d.asks(qPartNumber) {
		return nil
	}
	if d.has(hHttpRange) {
		return invalidRequest("RD-6", "Cannot specify both Range header and partNumber query parameter")
	}
	return checkPartNumber(d)
}

// checkAttributes holds section 4.7.
func checkAttributes(d *digest) *Refusal {
	list := d.header(hObjectAttributes)
	if strings.TrimSpace(list) == "" {
		return invalidRequest(
			"4.7", "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing "+
				"or empty")
	}
	for name := range strings.SplitSeq(list, ",") {
		switch strings.TrimSpace(name) {
		case "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize":
		default:
			return invalidArgument("4.7", headerNames[hObjectAttributes], list, "Invalid attribute name specified.")
		}
	}
	return nil
}

// Require says which requests must come over TLS.
type Require uint8

const (
	RequireKMS Require = iota // those that write or read contents of SSE-KMS objects
	RequireAll                // all
)

// DecideTLS decides row T-1. effective is the encryption of what the request writes, or of the object it
// reads: for writes the check comes before authorization, for reads after it and before the first byte.
// It is called twice for a copy, for its destination and for its source. With NoSSE only RequireAll counts.
func DecideTLS(op Operation, r *Request, effective SSE, require Require) *Refusal {
	const text = "Requests specifying Server Side Encryption with AWS KMS managed keys " +
		"must be made over a secure connection."
	switch {
	case r.TLS:
		return nil
	case require == RequireAll:
		return invalidRequest("T-3", "Requests must be made over a secure connection.")
	case effective == SSEKMS && (op.SealsObject() || op.OpensObject() || op.RewrapsObject()):
		return refuse("T-1", codeInvalidArgument, text)
	}
	return nil
}

// DecideSignature decides rows T-2 and T-4: requests without Signature Version 4. b is nil when the
// request is for the service or the bucket is not known.
func DecideSignature(r *Request, b *Bucket) *Refusal {
	switch {
	case r.Signature == SigV4:
		return nil
	case r.Signature == SigV2 && b != nil && b.Default.SSE == SSEKMS:
		return invalidArgument("T-2", "Authorization", "null",
			"Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.")
	case r.Signature == SigV2:
		return invalidRequest(
			"T-2", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
	}
	return accessDenied("T-4")
}

// ObjectLock is what the store reports of an object's Object Lock, as its headers have it; "" for what there is none
// of.
type ObjectLock struct{ Mode, Until, Hold string }

// protects reports whether the object may not be changed. A date that can't be read protects.
func (l ObjectLock) protects(now time.Time) bool {
	if strings.EqualFold(l.Hold, "ON") {
		return true
	}
	if l.Mode == "" {
		return false
	}
	until, err := time.Parse(time.RFC3339, l.Until)
	return err != nil || until.After(now)
}

// checkLock holds the values of an Object Lock header. That mode and date come together is CheckRequest's.
func checkLock(id headerID, value string) *Refusal {
	switch id {
	case hLockMode:
		if value == "GOVERNANCE" || value == "COMPLIANCE" {
			return nil
		}
		return invalidArgument("1.7", headerNames[id], value, "Unknown wormMode directive.")
	case hLockHold:
		if value == "ON" || value == "OFF" {
			return nil
		}
		return invalidArgument("1.7", headerNames[id], value, "Legal Hold must be either of 'ON' or 'OFF'")
	}
	if _, err := time.Parse(time.RFC3339, value); err != nil {
		return invalidArgument("1.7", headerNames[id], value,
			"The retain until date must be provided in ISO 8601 format")
	}
	return nil
}

// checkRetention: mode and date of a retention come together.
func checkRetention(d *digest) *Refusal {
	if d.has(hLockMode) != d.has(hLockUntil) {
		return invalidArgument("1.7", headerNames[hLockMode], d.header(hLockMode),
			"x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	return nil
}
