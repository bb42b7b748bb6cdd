package instance

import (
	"crypto/tls"
	"io"
	"os"

	"sealfront/proxy/audit"
	"sealfront/proxy/config"
)

// openAudit opens the audit log. A receiver that is away is tried again while requests are served or, with on_failure:
// refuse, are refused.
func (i *Instance) openAudit() (err error) {
	c := &i.Config.Log.Audit
	o := audit.Options{
		HashKeys: c.Keys == "hash", MaxWait: c.MaxWait, Keep: c.OnFailure == "refuse", Log: i.Log, Count: i.Metrics.Audit,
	}
	switch c.Sink {
	case "stdout":
		var w io.Writer = os.Stdout
		if i.options.Stdout != nil {
			w = i.options.Stdout
		}
		i.Audit = audit.OpenWriter(w, o)
	case "syslog", "socket":
		to, err := AuditEndpoint(c)
		if err != nil {
			return err
		}
		i.Audit = audit.OpenSocket(to, c.Sink == "syslog", o)
	default:
		if i.Audit, err = audit.Open(c.File, o); err != nil {
			return config.Faults{{Path: "log.audit.file", Why: err.Error()}}
		}
	}
	i.closers.add(i.Audit.Close)
	return nil
}

// AuditEndpoint is where a log of the sinks syslog and socket is sent to. Its error is a config.Faults.
func AuditEndpoint(c *config.Audit) (audit.Endpoint, error) {
	network, address, encrypted, _ := c.Endpoint() // validated
	to := audit.Endpoint{Network: network, Address: address}
	if !encrypted {
		return to, nil
	}
	to.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pool, err := ReadPool(c.CA)
		if err != nil {
			return to, config.Faults{{Path: "log.audit.ca", Why: err.Error()}}
		}
		to.TLS.RootCAs = pool
	}
	return to, nil
}
