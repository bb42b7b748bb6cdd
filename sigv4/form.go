package sigv4

import (
	"crypto/subtle"
	"mime"
)

// FormBoundary returns the boundary of a form POST's body. A Content-Type other than multipart/form-data is an *Error
// with S3's 412.
func FormBoundary(contentType []byte) (string, error) {
	mediaType, parameters, err := mime.ParseMediaType(string(contentType))
	if err != nil || mediaType != "multipart/form-data" || parameters["boundary"] == "" {
		return "", refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
			Element{"Condition", "Bucket POST must be of the enclosure-type multipart/form-data"})
	}
	return parameters["boundary"], nil
}

// ReadForm reads authentication out of the fields of a form POST, those before the file, in order of appearance.
// It follows a Read that gave Kind Form. There is no clock to check: a form is good until its policy expires, see
// PolicyDocument.Check. services and errors are as in Read. A form without any field of authentication leaves a with
// Kind Anonymous. Source: POST.
func (v *Verifier) ReadForm(fields []Field, a *Authentication, services ...string) error {
	if len(services) == 0 {
		panic("sigv4: internal error: ReadForm without a service")
	}
	a.reset()
	if err := v.readForm(fields, a, services); err != nil {
		a.Kind = Anonymous
		return err
	}
	return nil
}

func (v *Verifier) readForm(fields []Field, a *Authentication, services []string) error {
	m := Message{Header: fields}
	policy, policies := first(fields, "policy") // signed as it is
	scheme, schemes := m.header("x-amz-algorithm")
	rawCredential, credentials := m.header("x-amz-credential")
	date, dates := m.header("x-amz-date")
	signature, signatures := m.header("x-amz-signature")
	_, v2 := m.header("awsaccesskeyid")
	switch {
	case policies+schemes+credentials+signatures == 0:
		return nil
	case v2 > 0 && schemes == 0:
		return refuse("InvalidRequest", unsupportedMechanism)
	case policies == 0:
		return missingFormField("policy")
	case schemes == 0:
		return missingFormField("X-Amz-Algorithm")
	case credentials == 0:
		return missingFormField("X-Amz-Credential")
	case dates == 0:
		return missingFormField("X-Amz-Date")
	case signatures == 0:
		return missingFormField("X-Amz-Signature")
	case string(scheme) != algorithm:
		return refuse("InvalidArgument", `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`,
			Element{"ArgumentName", "X-Amz-Algorithm"}, Element{"ArgumentValue", text(scheme)})
	}
	c, err := parseCredential(rawCredential, formGrammar)
	if err != nil {
		return err
	}
	a.Kind = Form
	a.setCredential(&c)
	var ok bool
	if a.Time, ok = parseTimestamp(date); !ok {
		return refuse("InvalidArgument", `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	copy(a.timestamp[:], date)
	if err := v.checkScope(a, services, formGrammar); err != nil {
		return err
	}
	a.policy, a.Signature = policy, signature
	a.Payload, a.PayloadHash = PayloadUnsigned, unsignedPayload
	var h headerAuthentication
	h.sessionToken, h.sessionTokens = m.header("x-amz-s3session-token")
	h.securityToken, h.securityTokens = m.header("x-amz-security-token")
	return a.readTokens(&h, &queryAuthentication{})
}

func missingFormField(name string) error {
	return refuse("InvalidArgument", "Bucket POST must contain a field named '"+name+
		"'.  If it is specified, please check the order of the fields.",
		Element{"ArgumentName", name}, Element{"ArgumentValue", ""})
}

// CheckForm compares the signature of a form's policy in constant time, as Check does that of a request. What the
// policy says is judged by PolicyDocument afterwards.
func (v *Verifier) CheckForm(a *Authentication, secret string) error {
	a.key = nil
	if a.Kind != Form || a.policy == nil {
		return AccessDenied()
	}
	if secret == "" {
		return InvalidAccessKeyID(a.AccessKeyID)
	}
	key := v.keys.get(&a.name, a.AccessKeyID, secret, a.Scope)
	a.computed = key.sign(a.computed[:0], a.policy)
	if subtle.ConstantTimeCompare(a.computed, a.Signature) != 1 {
		if !v.verbose {
			return mismatch(a.AccessKeyID, a.Signature, nil, nil)
		}
		return mismatch(a.AccessKeyID, a.Signature, a.policy, nil)
	}
	a.key = key
	return nil
}

// Policy returns the base64 text of the policy that ReadForm found.
func (a *Authentication) Policy() []byte { return a.policy }
