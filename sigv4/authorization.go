package sigv4

import (
	"bytes"
	"time"
)

const threeComponents = "the authorization header requires three components: Credential, SignedHeaders, and Signature."

// authorization is the Authorization header, taken apart.
type authorization struct {
	credential    credential
	signedHeaders []byte
	signature     []byte
}

// parseAuthorization reads what follows the scheme: exactly three attributes in any order, each once, with commas
// between them and optional spaces after the commas.
func parseAuthorization(s []byte) (a authorization, err error) {
	var rawCredential []byte
	var seen [3]bool
	for n := 0; n == 0 || s != nil; n++ {
		var component []byte
		if i := bytes.IndexByte(s, ','); i >= 0 {
			component, s = trim(s[:i]), s[i+1:]
		} else {
			component, s = trim(s), nil
		}
		if n == 3 || len(component) == 0 {
			return authorization{}, headerGrammar.refuse(threeComponents)
		}
		name, value := cut(component, '=')
		if len(name) == len(component) {
			return authorization{}, malformedComponent(component)
		}
		var which int
		switch string(name) {
		case "Credential":
			which, rawCredential = 0, value
			if len(value) == 0 {
				return authorization{}, headerGrammar.refuse("missing Credential.")
			}
		case "SignedHeaders":
			which, a.signedHeaders = 1, value
			if !isHeaderList(value) {
				return authorization{}, malformedComponent(component)
			}
		case "Signature":
			which, a.signature = 2, value
			if len(value) == 0 {
				return authorization{}, malformedComponent(component)
			}
		default:
			return authorization{}, headerGrammar.refuse(threeComponents)
		}
		if seen[which] {
			return authorization{}, headerGrammar.refuse(threeComponents)
		}
		seen[which] = true
	}
	if seen != [3]bool{true, true, true} {
		return authorization{}, headerGrammar.refuse(threeComponents)
	}
	if a.credential, err = parseCredential(rawCredential, headerGrammar); err != nil {
		return authorization{}, err
	}
	return a, nil
}

func malformedComponent(component []byte) error {
	return headerGrammar.refuse(`the authorization component "` + text(component) + `" is malformed.`)
}

// headerAuthentication is what the header says about authentication: the first value of each name and, where it
// matters, how many there are.
type headerAuthentication struct {
	authorization, date, amzDate, contentSHA256, securityToken, sessionToken []byte

	authorizations, dates, amzDates, contentSHA256s, securityTokens, sessionTokens int

	multipart bool // Content-Type: multipart/form-data
}

func (h *headerAuthentication) collect(m *Message) {
	for i := range m.Header {
		name, value := m.Header[i].Name, m.Header[i].Value
		switch len(name) {
		case len("date"):
			take(name, value, "date", &h.date, &h.dates)
		case len("x-amz-date"):
			take(name, value, "x-amz-date", &h.amzDate, &h.amzDates)
		case len("content-type"):
			if equalName(name, "content-type") && hasNamePrefix(trim(value), "multipart/form-data") {
				h.multipart = true
			}
		case len("authorization"):
			take(name, value, "authorization", &h.authorization, &h.authorizations)
		case len("x-amz-content-sha256"):
			take(name, value, "x-amz-content-sha256", &h.contentSHA256, &h.contentSHA256s)
			take(name, value, "x-amz-security-token", &h.securityToken, &h.securityTokens)
		case len("x-amz-s3session-token"):
			take(name, value, "x-amz-s3session-token", &h.sessionToken, &h.sessionTokens)
		}
	}
}

func take(name, value []byte, want string, first *[]byte, count *int) {
	if equalName(name, want) {
		if *count++; *count == 1 {
			*first = trim(value)
		}
	}
}

// credentialBegin is what every Authorization header of this mechanism begins with.
const credentialBegin = algorithm + " Credential="

// parseScheme reads an Authorization header of any form.
func parseScheme(s []byte) (authorization, error) {
	scheme, rest := cut(s, ' ')
	switch string(scheme) {
	case algorithm:
		return parseAuthorization(rest)
	case "AWS", "AWS4-ECDSA-P256-SHA256":
		return authorization{}, refuse("InvalidRequest", unsupportedMechanism)
	}
	return authorization{}, refuse("InvalidArgument", "Unsupported Authorization Type",
		Element{"ArgumentName", "Authorization"})
}

// readHeader takes a header-signed request's parts into a. Source: HDR.
func (v *Verifier) readHeader(now time.Time, a *Authentication, h *headerAuthentication, services []string) error {
	z, err := parseScheme(h.authorization)
	if err != nil {
		return err
	}
	a.setCredential(&z.credential)
	a.signedHeaders, a.Signature = z.signedHeaders, z.signature

	sent, ok := h.amzDate, false
	switch {
	case h.amzDates == 1:
		a.Time, ok = parseTimestamp(h.amzDate)
		copy(a.timestamp[:], h.amzDate)
	case h.amzDates == 0 && h.dates == 1:
		sent = h.date
		a.Time, ok = parseDate(h.date)
		AppendTimestamp(a.timestamp[:0], a.Time)
	}
	if !ok {
		return refuse("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
	}
	if now.Sub(a.Time).Abs() > maxSkew {
		return refuse("RequestTimeTooSkewed",
			"The difference between the request time and the current time is too large.",
			Element{"RequestTime", text(sent)},
			Element{"ServerTime", now.UTC().Format(iso8601)},
			Element{"MaxAllowedSkewMilliseconds", "900000"})
	}
	if err := v.checkScope(a, services, headerGrammar); err != nil {
		return err
	}
	if !bytes.HasPrefix(a.timestamp[:], a.Date) {
		return headerGrammar.refuse("Invalid credential date. Date is not the same as X-Amz-Date.")
	}
	return nil
}
