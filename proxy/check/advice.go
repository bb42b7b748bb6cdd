package check

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"sealfront/proxy/config"
	"sealfront/proxy/instance"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// A service is the store or the key service, as the configuration names it.
type service struct {
	part     string // store or kms: the section
	endpoint string // "": AWS's own
	name     string // for messages
	ca       string // file; "": the system's authorities
}

func storeOf(c *config.Config) service {
	return service{"store", c.Store.Endpoint, c.Store.Endpoint, c.Store.CA}
}

func kmsOf(c *config.Config) service {
	return service{
		"kms", c.KMS.Endpoint, cmp.Or(c.KMS.Endpoint, "AWS KMS in "+cmp.Or(c.KMS.Region, c.Region)),
		c.KMS.CA,
	}
}

// Explain makes an error of instance.Open, which tried what c names, the faults that a check reports: what was tried,
// why it failed and what to do. Other errors are returned as they are.
func Explain(ctx context.Context, c *config.Config, err error) error {
	if faults, ok := errors.AsType[config.Faults](err); ok {
		return unlessNotS3(ctx, storeOf(c), faults)
	}
	u, ok := errors.AsType[*instance.Unusable](err)
	if !ok {
		return err
	}
	s, path := storeOf(c), "store"
	if u.Part == "kms" {
		s, path = kmsOf(c), "kms.service_key"
	}
	if embedded := map[string]string{"store": c.Store.Kind, "kms": c.KMS.Kind}[u.Part]; embedded == "embedded" ||
		embedded == "memory" {
		return err
	}
	return config.Faults{explain(ctx, s, path, c, u.Err)}
}

// explain is a fault of a service.
func explain(ctx context.Context, s service, path string, c *config.Config, err error) config.Fault {
	if f, ok := ofStateKey(c, err); ok {
		return f
	}
	if strings.Contains(err.Error(), "get credentials") || strings.Contains(err.Error(), "refresh cached credentials") ||
		strings.Contains(err.Error(), "no EC2 IMDS role found") {
		return config.Fault{
			Path: s.part + ".access_key", Why: "no credentials were found: looked in the environment " +
				"(AWS_ACCESS_KEY_ID), the shared files (AWS_PROFILE), for a web identity (AWS_ROLE_ARN), a container's role and " +
				"the machine's; set " + s.part + ".access_key and " + s.part + ".secret_key, or give the program a role",
			Passing: true,
		}
	}
	a := adviceOn(s, err)
	if a == nil && !isAnswerOfS3(err) {
		a = adviceByConnecting(ctx, s)
	}
	if a == nil {
		a = &advice{"", true}
	}
	if a.text == notS3 { // whatever it answered
		return config.Fault{Path: path, Why: fmt.Sprintf("tried %s: %s", s.name, a.text), Passing: a.passing}
	}
	// A probe may have found several things: a fault is a line.
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	return config.Fault{Path: path, Why: fmt.Sprintf("tried %s: %s%s", s.name, text, a.text), Passing: a.passing}
}

// notS3 is the advice on an endpoint at which something else answers.
const notS3 = "what answers there doesn't look like S3: check host and port of store.endpoint"

// ofStateKey is the fault of a service key or a state bucket of another installation.
func ofStateKey(c *config.Config, err error) (config.Fault, bool) {
	if e, ok := errors.AsType[*state.ServiceKeyError](err); ok && e.MadeWith != "" && e.MadeWith != e.ServiceKey &&
		isOfAnotherKey(e.Err) {
		return config.Fault{Path: "kms.service_key", Why: fmt.Sprintf("the state in the store's bucket %s was made with the "+
			"service key %s, and %s doesn't open it (%v): set kms.service_key to the former, or store.state_bucket to this "+
			"installation's own", c.Store.StateBucket, e.MadeWith, e.ServiceKey, e.Err)}, true
	}
	if errors.Is(err, state.ErrRecord) {
		return config.Fault{Path: "store.state_bucket", Why: err.Error()}, true
	}
	return config.Fault{}, false
}

// isOfAnotherKey reports whether KMS says that a key isn't the one that a ciphertext is of.
func isOfAnotherKey(err error) bool {
	coded, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err)
	return ok && slices.Contains([]string{"IncorrectKeyException", "InvalidCiphertextException", "NotFoundException"},
		coded.ErrorCode())
}

// An advice is what to do about an error of a service. It is passing when no setting mends it.
type advice struct {
	text    string
	passing bool
}

// adviceOn is what to do about an error that says itself what is wrong; nil for others.
func adviceOn(s service, err error) *advice {
	text := err.Error()
	has := func(codes ...string) bool {
		for _, code := range codes {
			if strings.Contains(text, code) {
				return true
			}
		}
		return false
	}
	if a := onCertificate(s, err); a != nil {
		return a
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return &advice{"; the endpoint's name can't be resolved: check the name, and DNS", true}
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return &advice{"; nothing listens there: is it running, and is the port right?", true}
	case has("SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidSignatureException", "UnrecognizedClientException",
		"InvalidClientTokenId"):
		return &advice{"; it doesn't accept the credentials: check access_key and the secret, and region", false}
	case has("AccessDenied"):
		return &advice{
			"; the credentials are valid but have no permission: give them the permissions of OPERATING.md, " +
				"\"Before the first start\"", true,
		}
	case has("RequestTimeTooSkewed"):
		return &advice{"; this machine's clock or the service's is wrong", true}
	case has("NotFoundException"):
		return &advice{"; there is no such key: check the ARN's Region and account", false}
	case has("DisabledException", "KMSInvalidStateException"):
		return &advice{"; enable the key, or cancel its deletion", true}
	case errors.Is(err, context.DeadlineExceeded):
		return &advice{"; it doesn't answer: check firewalls, and whether it hangs", true}
	}
	return nil
}

// onCertificate is what to do about a service's certificate.
func onCertificate(s service, err error) *advice {
	authority, isAuthority := errors.AsType[x509.UnknownAuthorityError](err)
	isAuthority = isAuthority || strings.Contains(err.Error(), "certificate signed by unknown authority")
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isName := errors.AsType[x509.HostnameError](err)
	switch {
	case isAuthority && s.ca != "":
		issuer := ""
		if authority.Cert != nil {
			issuer = ", " + authority.Cert.Issuer.String()
		}
		return &advice{fmt.Sprintf("; its certificate is by an authority%s that isn't in %s: set %s.ca to the file of that "+
			"authority", issuer, s.ca, s.part), false}
	case isAuthority:
		return &advice{
			"; its certificate is by an unknown authority: set " + s.part + ".ca to the authority's file", false,
		}
	case isName:
		return &advice{"; its certificate is for another name: use that in the endpoint", false}
	case isInvalid && invalid.Reason == x509.Expired:
		return &advice{"; its certificate has expired, or this machine's clock is wrong: renew it there", true}
	}
	return nil
}

// adviceByConnecting is what to do about a service whose error doesn't say what is wrong, found by another connection.
// nil where nothing is wrong with the connection.
func adviceByConnecting(ctx context.Context, s service) *advice {
	if s.endpoint == "" {
		return nil
	}
	pool, err := poolOf(s)
	if err != nil {
		return nil
	}
	switch inspect(ctx, s.endpoint, pool) {
	case silent:
		return &advice{"; it doesn't answer: check firewalls, and whether it hangs", true}
	case tlsOnly:
		return &advice{"; it looks like TLS: use https:// in " + s.part + ".endpoint", false}
	case noTLS:
		return &advice{"; it doesn't speak TLS: use http:// in " + s.part + ".endpoint, or the port that does", false}
	case other:
		if s.part == "store" {
			return &advice{notS3, false}
		}
	case unknown, answers:
	}
	return nil
}

func poolOf(s service) (*x509.CertPool, error) {
	if s.ca == "" {
		return nil, nil //nolint:nilnil // the system's authorities
	}
	return instance.ReadPool(s.ca)
}

// isAnswerOfS3 reports whether an error is an answer with one of S3's codes.
func isAnswerOfS3(err error) bool {
	f, ok := errors.AsType[*store.Fault](err)
	return ok && f.Code != ""
}
