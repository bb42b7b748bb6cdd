package policy

import "strings"

// Classify names the operation that a request is for, from its method, what its path names, the query parameters that
// select operations, and the headers that turn one operation into another. It refuses an invalid bucket name, a method
// that doesn't exist there (405 MethodNotAllowed with Allow), two parameters that select different operations, and what
// the kind of bucket doesn't have (501 NotImplemented, section 1.6). Unknown parameters are ignored, as S3 does, unless
// they name a subresource or an operation: see unknownSubresource.
func Classify(r *Request) (Operation, *Refusal) {
	d := r.inspect()
	at := onObject
	switch {
	case r.Control.Kind != "":
		return classifyControl(r)
	case r.Bucket == "":
		return classifyService(r, d)
	case r.Key == "":
		at = onBucket
	}
	if r.Bucket != r.valid {
		if _, refusal := ParseBucketName(r.Bucket); refusal != nil {
			return 0, refusal
		}
		r.valid = strings.Clone(r.Bucket)
	}
	if d.subresource[1] != "" {
		return 0, invalidArgument("1.6", "ResourceType", d.subresource[0],
			"Conflicting query string parameters: "+d.subresource[0]+", "+d.subresource[1])
	}
	if refusal := unknownSubresource(r, d); refusal != nil {
		return 0, refusal
	}
	here := place{at, d.subresource[0]}
	op, known := routed(r.Method, here)
	if !known {
		return 0, methodNotAllowed(r.Method, here)
	}
	op, refusal := distinguish(op, r, d)
	if refusal != nil {
		return 0, refusal
	}
	if !op.Supports(KindOf(r.Bucket)) {
		return op, NotImplemented(op)
	}
	return op, nil
}

// classifyService knows the two listings of buckets. They share method and path; what distinguishes them
// at one endpoint is x-id, a parameter only one of them has, or the service name signed for.
func classifyService(r *Request, d *digest) (Operation, *Refusal) {
	if r.Key != "" {
		return 0, refuse("1.1", codeInvalidBucketName, "The specified bucket is not valid.", "BucketName", "")
	}
	if r.Method != "GET" {
		return 0, methodNotAllowed(r.Method, place{at: onService})
	}
	switch id := d.query(qXID); {
	case id == "ListDirectoryBuckets", id == "" && (d.asks(qMaxBuckets) || r.SigningName == "s3express"):
		return ListDirectoryBuckets, nil
	default:
		return ListBuckets, nil
	}
}

// distinguish names one of the operations that share method, path and selecting parameter.
func distinguish(op Operation, r *Request, d *digest) (Operation, *Refusal) {
	switch op {
	case PutObject:
		switch {
		case d.asks(qPartNumber):
			return 0, needsUploadID(d)
		case d.has(hCopySource):
			return CopyObject, nil
		case d.has(hRenameSource) && KindOf(r.Bucket) == Directory:
			return 0, invalidRequest("6.4", "The x-amz-rename-source header requires the renameObject query parameter.")
		}
	case DeleteObject:
		if d.asks(qPartNumber) {
			return 0, needsUploadID(d)
		}
	case UploadPart:
		if !d.asks(qPartNumber) {
			return 0, invalidArgument("6.6", "partNumber", "",
				"This operation does not accept an uploadId without a partNumber")
		}
		if d.has(hCopySource) {
			return UploadPartCopy, nil
		}
	case ListObjectsV2:
		if v := d.query(qListType); v != "2" {
			return 0, invalidArgument("6.5", "list-type", v, "Invalid List Type specified in Request")
		}
	case PostObject:
		if media, _, _ := strings.Cut(d.header(hContentType), ";"); !strings.EqualFold(strings.TrimSpace(media),
			"multipart/form-data") {
			return 0, refuse("1.5", codePreconditionFailed,
				"At least one of the pre-conditions you specified did not hold",
				"Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
		}
	}
	return op, nil
}

func needsUploadID(d *digest) *Refusal {
	return invalidArgument("6.6", "partNumber", d.query(qPartNumber),
		"This operation does not accept a partNumber without an uploadId")
}

// NotImplemented is the refusal of an operation that the bucket's kind doesn't have, or that the
// operator or the store has switched off.
func NotImplemented(op Operation) *Refusal {
	if q := operations[op].query; q != "" {
		return parameterNotImplemented("1.6", q)
	}
	return refuse("1.6", codeNotImplemented, "The operation "+op.String()+" is not implemented")
}

// unknownSubresource refuses a request whose query names a subresource, a parameter without a value, or an operation,
// by x-id, that nobody here knows: taken for the operation on the bucket or the object itself, it would replace or
// delete that. Reads of an object are let through, as S3 does: people put such parameters behind links so that caches
// don't keep what these lead to.
func unknownSubresource(r *Request, d *digest) *Refusal {
	if id := d.query(qXID); id != "" {
		if _, known := ParseOperation(id); !known && !isListing(id) {
			return parameterNotImplemented("1.7", queryNames[qXID])
		}
	}
	if d.flag == "" || r.Key != "" && (r.Method == "GET" || r.Method == "HEAD") {
		return nil
	}
	return parameterNotImplemented("1.7", strings.Clone(d.flag))
}

// isListing: S3 names these operations apart from the ones that read a single configuration; here they are one.
func isListing(id string) bool {
	name, ok := strings.CutPrefix(id, "List")
	name, plural := strings.CutSuffix(name, "s")
	_, known := ParseOperation("Get" + name)
	return ok && plural && known
}

// classifyControl knows the calls of S3 Control that are served. Whatever else it has, for other resources than buckets
// too, is MethodNotAllowed, which tools take for a service without the call, which they then make by S3's own.
func classifyControl(r *Request) (Operation, *Refusal) {
	here := place{onControl, r.Control.Kind}
	op, known := routed(r.Method, here)
	if !known {
		return 0, methodNotAllowed(r.Method, here)
	}
	if account, _ := r.Value(accountHeader); !isAccount(account) {
		return 0, invalidRequest("1.6", "Missing or malformed required header for this request: "+accountHeader)
	}
	if name, _ := r.Control.named(); r.Bucket == "" && name != "" {
		return 0, noSuchBucket("1.1", name)
	}
	if r.Bucket == "" {
		if fields := strings.SplitN(r.Control.Resource, ":", 6); len(fields) < 6 || fields[0] != "arn" ||
			fields[5] == "" {
			return 0, invalidArgument("1.1", "resourceArn", r.Control.Resource, "The ARN is not valid.")
		}
		return 0, methodNotAllowed(r.Method, place{onControl, "resource"})
	}
	if _, refusal := ParseBucketName(r.Bucket); refusal != nil {
		return 0, noSuchBucket("1.1", r.Bucket)
	}
	return op, nil
}

// methodNotAllowed names what is allowed here.
func methodNotAllowed(method string, here place) *Refusal {
	resource := [...]string{"SERVICE", "BUCKET", "OBJECT", "CONTROL"}[here.at]
	if here.name != "" {
		resource = strings.ToUpper(here.name)
	}
	refusal := refuse("1.5", codeMethodNotAllowed, "The specified method is not allowed against this resource.",
		"Method", method, "ResourceType", resource)
	var allow []string
	for _, m := range methods {
		if _, known := routed(m, here); known {
			allow = append(allow, m)
		}
	}
	refusal.Allow = strings.Join(allow, ", ")
	return refusal
}
