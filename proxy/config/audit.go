package config

import (
	"net"
	"net/url"
	"os"
	"slices"
)

// Enabled reports whether there is an audit log.
func (a *Audit) Enabled() bool { return a.Sink != "file" || a.File != "" }

// Endpoint is where the sinks syslog and socket send to: a network of package net with an address, over TLS or not. It
// reports false for an address that is none.
func (a *Audit) Endpoint() (network, address string, encrypted, ok bool) {
	u, err := url.Parse(a.Address)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", false, false
	}
	switch u.Scheme {
	case "tcp", "tls":
		_, port, err := net.SplitHostPort(u.Host)
		return "tcp", u.Host, u.Scheme == "tls", err == nil && u.Hostname() != "" && port != "" && u.Path == ""
	case "unix", "unixgram":
		return u.Scheme, u.Path, false, u.Host == "" && len(u.Path) > 1
	}
	return "", "", false, false
}

// Name says where records go, for people.
func (a *Audit) Name() string {
	switch a.Sink {
	case "file":
		return a.File
	case "stdout":
		return a.Sink
	}
	return a.Sink + " " + a.Address
}

func (c *Config) validateAudit(f *Faults) {
	a := &c.Log.Audit
	sinks := []string{"file", "stdout", "syslog", "socket"}
	oneOf(f, "log.audit.sink", a.Sink, sinks...)
	oneOf(f, "log.audit.keys", a.Keys, "plain", "hash")
	oneOf(f, "log.audit.on_failure", a.OnFailure, "continue", "refuse")
	if a.MaxWait <= 0 {
		f.add("log.audit.max_wait", "must be positive, such as 30s")
	}
	if !slices.Contains(sinks, a.Sink) {
		return
	}
	if a.Sink != "file" && a.File != "" {
		f.add("log.audit.file", "goes with log.audit.sink: file, which is %s", a.Sink)
	}
	_, _, encrypted, ok := a.Endpoint()
	switch sends := a.Sink == "syslog" || a.Sink == "socket"; {
	case !sends && a.Address != "":
		f.add("log.audit.address", "goes with log.audit.sink: syslog or socket, which is %s", a.Sink)
	case sends && !ok:
		f.add("log.audit.address",
			"%q is not an address such as tls://logs.example.com:6514, tcp://127.0.0.1:601, unix:///run/log.sock or "+
				"unixgram:///dev/log", a.Address)
	case a.CA != "" && !encrypted:
		f.add("log.audit.ca", "goes with an address that begins with tls://")
	case a.CA != "":
		if _, err := os.Stat(a.CA); err != nil {
			f.add("log.audit.ca", "%s", missing(a.CA, err))
		}
	}
}
