package policy

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

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
