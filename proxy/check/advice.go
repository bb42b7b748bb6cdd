package check

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"
)

// advice says what to do about an error of store or key service, if its kind is known.
func advice(err error) string {
	var unknown *net.DNSError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	text := err.Error()
	switch {
	case errors.As(err, &unknown):
		return "; the endpoint's name isn't known here: look at it, and at DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "; nothing listens there: is it running, and is the port right?"
	case errors.As(err, &authority), strings.Contains(text, "certificate signed by unknown authority"):
		return "; its certificate is by an authority that isn't known: name its file by ca"
	case errors.As(err, &name):
		return "; its certificate is for another name: use that in the endpoint"
	case strings.Contains(text, "SignatureDoesNotMatch"), strings.Contains(text, "InvalidAccessKeyId"),
		strings.Contains(text, "InvalidSignatureException"),
		strings.Contains(text, "UnrecognizedClientException"), strings.Contains(text, "InvalidClientTokenId"):
		return "; the credentials are not those it knows: look at access_key and the secret, and at region"
	case strings.Contains(text, "AccessDenied"):
		return "; the credentials are right but not allowed to: give them the permissions of OPERATING.md, \"Before the " +
			"first start\""
	case strings.Contains(text, "RequestTimeTooSkewed"):
		return "; this machine's clock is wrong, or its own is"
	case strings.Contains(text, "NotFoundException"):
		return "; there is no such key: look at the ARN's Region and account"
	case errors.Is(err, context.DeadlineExceeded):
		return "; it doesn't answer: look at firewalls"
	}
	return ""
}
