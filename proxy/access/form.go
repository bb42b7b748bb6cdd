package access

import (
	"context"
	"net/http"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

// A form POST is an upload by a browser. What another request has in its header and signs, it has in fields in front of
// the file, and a policy, which is what is signed, says which fields it may have. So it is decided in two steps: what
// the address says, before the body; and the rest, as for a PutObject, once the fields are read and before the file is.

// checkPost decides what can be before the form is read.
func (x *Grant) checkPost() error {
	var refused *policy.Refusal
	if x.Operation, refused = policy.Classify(&x.Rules); refused != nil {
		return refused
	}
	if x.Operation != policy.PostObject || !x.c.o.PostObject {
		return postNotAllowed()
	}
	return x.Secure(policy.NoSSE)
}

// postNotAllowed answers POST to a bucket where forms are switched off, or where it isn't a form.
func postNotAllowed() error {
	e := s3.Refuse("MethodNotAllowed", "The specified method is not allowed against this resource.",
		"Method", http.MethodPost, "ResourceType", "BUCKET")
	e.Allow = "GET, HEAD, PUT, DELETE"
	return e
}

// A Form is what CheckForm needs of one.
type Form struct {
	Fields []sigv4.Field
	// Name puts the file's name where fields have a variable for it. The policy is held against what comes of it.
	Name func()
	// Header returns the fields that stand for headers, as those, and the object's key.
	Header func() (header []sigv4.Field, key string, err error)
}

// CheckForm takes a form through what Check does for other requests. Its file is looked at afterwards, by the policy
// document that is returned.
func (x *Grant) CheckForm(ctx context.Context, form *Form) (*sigv4.PolicyDocument, error) {
	secure := x.Rules.TLS
	if err := x.c.verifier.ReadForm(form.Fields, &x.Auth, x.services()...); err != nil {
		return nil, err
	}
	if x.Auth.Kind != sigv4.Form {
		return nil, s3.AccessDenied()
	}
	if err := x.authenticate(ctx); err != nil {
		return nil, err
	}
	document, err := sigv4.ParsePolicyDocument(x.Auth.Policy())
	if err != nil {
		return nil, err
	}
	form.Name()
	if err := document.Check(form.Fields, x.Bucket, x.Start); err != nil {
		return nil, err
	}
	if x.Header.Fields, x.Key, err = form.Header(); err != nil {
		return nil, err
	}
	r := &x.Rules
	r.Reset()
	r.Method, r.Bucket, r.Key, r.Header, r.Query = s3.View(x.Message.Method), x.Bucket, x.Key, &x.Header, nil
	r.TLS, r.SigningName, r.Signature = secure, s3.View(x.Auth.Service), policy.SigV4
	if refused := x.newCase().Check(); refused != nil {
		return nil, refused
	}
	if err := x.c.o.CheckKey(x.Operation, x.Key); err != nil {
		return nil, err
	}
	return document, x.decideBucket(ctx)
}
