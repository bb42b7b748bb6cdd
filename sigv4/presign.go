package sigv4

import (
	"bytes"
	"slices"
	"time"
)

// queryAuthentication is what the query says about authentication: values decoded, the first of each name.
type queryAuthentication struct {
	algorithm, credential, date, expires, signedHeaders, signature []byte
	securityToken, sessionToken, contentSHA256                     []byte

	v2AccessKeyID, v2Signature bool // SigV2's
}

// presigned reports whether the query tries SigV4 authentication, be it whole or not.
func (q *queryAuthentication) presigned() bool {
	return q.algorithm != nil || q.credential != nil || q.signature != nil
}

// empty reports whether it says nothing.
func (q *queryAuthentication) empty() bool {
	return !q.presigned() && q.date == nil && q.expires == nil && q.signedHeaders == nil && q.securityToken == nil &&
		q.sessionToken == nil && q.contentSHA256 == nil && !q.v2AccessKeyID && !q.v2Signature
}

const missingParameters = "Query-string authentication version 4 requires the X-Amz-Algorithm, " +
	"X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."

// parseQuery collects what concerns authentication from a raw query. The six parameters of a presigned URL are known
// in their exact case only, tokens and the payload hash in any, as they stand for headers. Decoded values are appended
// to buffer, which is returned.
func parseQuery(query, buffer []byte) (q queryAuthentication, _ []byte) {
	buffer = slices.Grow(buffer[:0], len(query)) // so that values stay in one piece of memory
	for len(query) > 0 {
		var segment []byte
		segment, query = cut(query, '&')
		rawName, rawValue := cut(segment, '=')
		start := len(buffer)
		name := rawName
		if bytes.IndexByte(rawName, '%') >= 0 {
			buffer = appendDecoded(buffer, rawName)
			name = buffer[start:]
		}
		var value *[]byte
		switch string(name) {
		case "X-Amz-Algorithm":
			value = &q.algorithm
		case "X-Amz-Credential":
			value = &q.credential
		case "X-Amz-Date":
			value = &q.date
		case "X-Amz-Expires":
			value = &q.expires
		case "X-Amz-SignedHeaders":
			value = &q.signedHeaders
		case "X-Amz-Signature":
			value = &q.signature
		case "AWSAccessKeyId":
			q.v2AccessKeyID = true
		case "Signature":
			q.v2Signature = true
		default:
			switch {
			case equalName(name, "x-amz-security-token"):
				value = &q.securityToken
			case equalName(name, "x-amz-s3session-token"):
				value = &q.sessionToken
			case equalName(name, "x-amz-content-sha256"):
				value = &q.contentSHA256
			}
		}
		if value == nil || *value != nil {
			buffer = buffer[:start]
			continue
		}
		start = len(buffer)
		buffer = appendDecoded(buffer, rawValue)
		*value = buffer[start:len(buffer):len(buffer)]
	}
	return q, buffer
}

// readPresigned takes a presigned URL's parameters into a. Source: QRY.
func (v *Verifier) readPresigned(now time.Time, a *Authentication, q *queryAuthentication, services []string) error {
	switch {
	case len(q.algorithm) > 0 && string(q.algorithm) == "AWS4-ECDSA-P256-SHA256":
		return refuse(queryGrammar.code, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
	case len(q.algorithm) > 0 && string(q.algorithm) != algorithm:
		return refuse(queryGrammar.code, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`)
	case len(q.algorithm) == 0 || len(q.credential) == 0 || len(q.date) == 0 || len(q.expires) == 0 ||
		len(q.signedHeaders) == 0 || len(q.signature) == 0:
		return refuse(queryGrammar.code, missingParameters)
	}
	c, err := parseCredential(q.credential, queryGrammar)
	if err != nil {
		return err
	}
	a.setCredential(&c)
	var ok bool
	if a.Time, ok = parseTimestamp(q.date); !ok {
		return refuse(queryGrammar.code, `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	copy(a.timestamp[:], q.date)
	if a.Expires, err = parseExpires(q.expires); err != nil {
		return err
	}
	if !isHeaderList(q.signedHeaders) {
		return refuse(queryGrammar.code, "X-Amz-SignedHeaders must be a list of header names")
	}
	a.signedHeaders, a.Signature = q.signedHeaders, q.signature
	if err := a.checkValidity(now, q.expires); err != nil {
		return err
	}
	if err := v.checkScope(a, services, queryGrammar); err != nil {
		return err
	}
	if !bytes.HasPrefix(q.date, a.Date) {
		return refuse(queryGrammar.code, "Invalid credential date. Date is not the same as X-Amz-Date.")
	}
	return nil
}

// parseExpires reads X-Amz-Expires, whole seconds from 0 to a week.
func parseExpires(s []byte) (time.Duration, error) {
	number, negative := bytes.CutPrefix(s, []byte("-"))
	for _, b := range number {
		if b-'0' > 9 {
			return 0, refuse(queryGrammar.code, "X-Amz-Expires should be a number")
		}
	}
	switch {
	case len(number) == 0:
		return 0, refuse(queryGrammar.code, "X-Amz-Expires should be a number")
	case negative:
		return 0, refuse(queryGrammar.code, "X-Amz-Expires must be non-negative")
	}
	number = bytes.TrimLeft(number, "0")
	const tooLong = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be " +
		"less than 604800 seconds"
	if len(number) > 6 {
		return 0, refuse(queryGrammar.code, tooLong)
	}
	seconds, _ := digits(number)
	if expires := time.Duration(seconds) * time.Second; expires <= maxExpires {
		return expires, nil
	}
	return 0, refuse(queryGrammar.code, tooLong)
}

// checkValidity compares a presigned URL's window with the clock: from 15 minutes before its date to its expiry.
// A lifetime of no seconds is over at once.
func (a *Authentication) checkValidity(now time.Time, rawExpires []byte) error {
	end := a.Time.Add(a.Expires)
	if a.Time.Sub(now) > maxSkew {
		return refuse("AccessDenied", "Request is not yet valid",
			Element{"X-Amz-Date", string(a.timestamp[:])},
			Element{"Expires", end.Format(iso8601)},
			Element{"ServerTime", now.UTC().Format(iso8601)})
	}
	if a.Expires == 0 || now.After(end) {
		return refuse("AccessDenied", "Request has expired",
			Element{"X-Amz-Expires", text(rawExpires)},
			Element{"Expires", end.Format(iso8601)},
			Element{"ServerTime", now.UTC().Format(iso8601)})
	}
	return nil
}
