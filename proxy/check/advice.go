package check

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"
)

// advice returns what to do about an error of store or key service, "" for an unknown kind.
func advice(err error) string {
	var unknown *net.DNSError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	text := err.Error()
	switch {
	case errors.As(err, &unknown):
		return "; the endpoint's name can't be resolved: check the name, and DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "; nothing listens there: is it running, and is the port right?"
	case errors.As(err, &authority), strings.Contains(text, "certificate signed by unknown authority"):
		return "; its certificate is by an unknown authority: set ca to the authority's file"
	case errors.As(err, &name):
		return "; its certificate is for another name: use that in the endpoint"
	case strings.Contains(text, "SignatureDoesNotMatch"), strings.Contains(text, "InvalidAccessKeyId"),
		strings.Contains(text, "InvalidSignatureException"),
		strings.Contains(text, "UnrecognizedClientException"), strings.Contains(text, "InvalidClientTokenId"):
		return "; it doesn't accept the credentials: check access_key and the secret, and region"
	case strings.Contains(text, "AccessDenied"):
		return "; the credentials are valid but have no permission: give them the permissions of OPERATING.md, \"Before " +
			"the first start\""
	case strings.Contains(text, "RequestTimeTooSkewed"):
		return "; this machine's clock or the service's is wrong"
	case strings.Contains(text, "NotFoundException"):
		return "; there is no such key: check the ARN's Region and account"
	case errors.Is(err, context.DeadlineExceeded):
		return "; it doesn't answer: check firewalls"
	}
	return ""
}
