package conn

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// HandshakeReasons are the reasons of failed handshakes:
//
//	certificate         the client refuses the certificate that it was shown: expired, another name, unknown authority
//	client_certificate  the client shows none, or one that isn't accepted
//	version             client and server have no version of TLS in common
//	cipher              … or no cipher suite, curve or signature algorithm
//	not_tls             the client doesn't speak TLS: plain HTTP to the TLS port, a scanner
//	left                the client closed the connection before the end: a check of a load balancer
//	timeout             it took too long
//	other               the rest
var HandshakeReasons = []string{
	"certificate", "client_certificate", "version", "cipher", "not_tls", "left", "timeout", "other",
}

// CountHandshakeFailures makes the server call count with the reason of each handshake that fails. It is called before
// Serve; count is called by many connections at once.
func (s *Server) CountHandshakeFailures(count func(reason string)) { s.handshakeFailed = count }

// Handshake is tls.Conn's, and counts the first failure.
func (c *tlsConn) Handshake() error {
	err := c.Conn.Handshake()
	if err != nil && !c.failed {
		c.failed = true
		if c.count != nil {
			c.count(handshakeReason(err))
		}
	}
	if err == nil && c.version == "" {
		c.version = strings.TrimPrefix(tls.VersionName(c.ConnectionState().Version), "TLS ")
	}
	return err
}

// handshakeReason is one of HandshakeReasons. What crypto/tls says of most failures is a text.
func handshakeReason(err error) string {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "not_tls"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "client_certificate"
	}
	text := err.Error()
	says := func(texts ...string) bool {
		for _, t := range texts {
			if strings.Contains(text, t) {
				return true
			}
		}
		return false
	}
	alert := strings.Contains(text, "remote error: tls: ")
	switch {
	case alert && says("certificate", "unknown certificate authority"):
		return "certificate"
	case says("client didn't provide a certificate", "certificate required"):
		return "client_certificate"
	case says("unsupported versions", "protocol version not supported", "protocol version"):
		return "version"
	case says("no cipher suite", "no supported elliptic curves", "no mutual", "handshake failure",
		"doesn't support any of the certificate's signature algorithms"):
		return "cipher"
	case errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "left"
	}
	return "other"
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}
