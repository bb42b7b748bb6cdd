package policy

import (
	"net/url"
	"strconv"
	"strings"
)

// Source is what a copy or rename reads.
type Source struct {
	Bucket, Key string
	Version     string // "" for the current one
}

// CopySource returns the source of CopyObject and UploadPartCopy, from x-amz-copy-source: bucket/key
// or /bucket/key, percent-encoded, with ?versionId= if a version is meant.
func (r *Request) CopySource() (Source, *Refusal) {
	value := r.inspect().header(hCopySource)
	path, query, _ := strings.Cut(value, "?")
	decoded, err := url.PathUnescape(path)
	bucket, key, cut := strings.Cut(strings.TrimPrefix(decoded, "/"), "/")
	if err != nil || !cut || bucket == "" || key == "" || checkKey(key) != nil {
		return Source{}, invalidArgument("6.7", headerNames[hCopySource], value, "Invalid copy source object key")
	}
	if _, refusal := ParseBucketName(bucket); refusal != nil {
		return Source{}, invalidArgument("6.7", headerNames[hCopySource], value, "Invalid copy source bucket name")
	}
	version, ok := sourceVersion(KindOf(bucket), query)
	if !ok {
		return Source{}, invalidArgument("6.7", headerNames[hCopySource], value, "Invalid version id specified")
	}
	return Source{bucket, key, version}, nil
}

// sourceVersion reads what follows the question mark. The one version of a directory bucket's object is the current
// one.
func sourceVersion(kind Kind, query string) (version string, ok bool) {
	if query == "" {
		return "", true
	}
	escaped, named := strings.CutPrefix(query, "versionId=")
	version, err := url.PathUnescape(escaped)
	if !named || err != nil || !ValidVersion(kind, version) {
		return "", false
	}
	if kind == Directory {
		version = ""
	}
	return version, true
}

// CopyRange returns the first and last byte that UploadPartCopy reads of its source; whole is true
// when no range was requested.
func (r *Request) CopyRange() (first, last int64, whole bool, refusal *Refusal) {
	d := r.inspect()
	if !d.has(hCopySourceRange) {
		return 0, 0, true, nil
	}
	value := d.header(hCopySourceRange)
	from, to, cut := strings.Cut(strings.TrimPrefix(value, "bytes="), "-")
	first, ok1 := naturalNumber(from)
	last, ok2 := naturalNumber(to)
	if !strings.HasPrefix(value, "bytes=") || !cut || !ok1 || !ok2 || first > last {
		return 0, 0, false, invalidArgument("6.6", headerNames[hCopySourceRange], value,
			"The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "+
				"zero-based offsets of the first and last bytes to copy")
	}
	return first, last, false, nil
}

// RangeBeyondSource is the refusal of a CopyRange that ends beyond a source of size bytes.
func (r *Request) RangeBeyondSource(size int64) *Refusal {
	return invalidArgument("6.6", headerNames[hCopySourceRange], r.inspect().header(hCopySourceRange),
		"Range specified is not valid for source object of size: "+strconv.FormatInt(size, 10))
}

// checkCopy holds what section 6.7 and 6.6 require of a copy request by itself.
func checkCopy(r *Request, d *digest) *Refusal {
	if _, refusal := r.CopySource(); refusal != nil {
		return refusal
	}
	if d.has(hHttpRange) {
		return invalidArgument("6.7", headerNames[hHttpRange], d.header(hHttpRange), "RANGE is not supported in Copy!")
	}
	if d.has(hWriteOffset) {
		return invalidRequest("6.3", "x-amz-write-offset-bytes is not supported in Copy.")
	}
	if d.has(hRenameSource) {
		return invalidRequest("6.4", "x-amz-rename-source is not supported in Copy.")
	}
	if v := d.header(hMetadataDirective); d.has(hMetadataDirective) && v != "COPY" && v != "REPLACE" {
		return invalidArgument("6.7", headerNames[hMetadataDirective], v, "Unknown metadata directive.")
	}
	_, _, _, refusal := r.CopyRange()
	return refusal
}

// RenameSource returns the key that RenameObject takes away, from x-amz-rename-source: key, /key,
// bucket/key or /bucket/key of the request's own bucket, percent-encoded (C-10).
func (r *Request) RenameSource() (key string, refusal *Refusal) {
	value := r.inspect().header(hRenameSource)
	decoded, err := url.PathUnescape(value)
	if err != nil {
		return "", invalidArgument("6.4", headerNames[hRenameSource], value, "Invalid rename source object key")
	}
	rest := strings.TrimPrefix(decoded, "/")
	if bucket, after, cut := strings.Cut(rest, "/"); cut && KindOf(bucket) == Directory {
		if bucket != r.Bucket {
			return "", invalidRequest("6.4", "The source and destination of a rename must be in the same bucket.")
		}
		rest = after
	}
	if rest == "" || checkKey(rest) != nil {
		return "", invalidArgument("6.4", headerNames[hRenameSource], value, "Invalid rename source object key")
	}
	return rest, nil
}

// checkRename holds what section 6.4 requires of a rename by itself.
func checkRename(r *Request, d *digest) *Refusal {
	source, refusal := r.RenameSource()
	if refusal != nil {
		return refusal
	}
	if d.has(hCopySource) || d.has(hWriteOffset) {
		return invalidRequest("6.4", "A rename can't be a copy or an append.")
	}
	if strings.HasSuffix(source, "/") || strings.HasSuffix(r.Key, "/") {
		return invalidRequest("6.4", "RenameObject doesn't support keys that end with a delimiter.")
	}
	if source == r.Key {
		return invalidRequest("6.4", "The source and destination of a rename must be different.")
	}
	if v := d.header(hIfNoneMatch); d.has(hIfNoneMatch) && v != "*" {
		return conditionRefused("If-None-Match",
			"We don't accept the provided value of If-None-Match header for this API")
	}
	if v := d.header(hIfMatch); d.has(hIfMatch) && !oneETag(v) {
		return conditionRefused("If-Match", "We don't accept the provided value of If-Match header for this API")
	}
	if v := d.header(hClientToken); d.has(hClientToken) && !isClientToken(v) {
		return invalidArgument("6.4", headerNames[hClientToken], v,
			"The client token must be 1 to 64 visible ASCII characters.")
	}
	return nil
}

func isClientToken(v string) bool {
	if v == "" || len(v) > 64 {
		return false
	}
	for i := range len(v) {
		if v[i] < 33 || v[i] > 126 {
			return false
		}
	}
	return true
}

// copiesDirectory reports whether a directory bucket is on either side of a copy: then no bucket key
// stands between KMS and the data key (R17).
func copiesDirectory(r *Request, b *Bucket) bool {
	if b.Kind == Directory {
		return true
	}
	source, refusal := r.CopySource()
	return refusal == nil && KindOf(source.Bucket) == Directory
}
