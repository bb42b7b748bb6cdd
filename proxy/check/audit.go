package check

import (
	"context"
	"fmt"
	"time"

	"sealfront/proxy/audit"
	"sealfront/proxy/config"
	"sealfront/proxy/instance"
)

// How long the receiver of the audit log has to take a connection.
const auditPatience = 3 * time.Second

// audit tries where the audit log goes: the file, or the socket.
func (k *checkup) audit(ctx context.Context) {
	c := &k.c.Log.Audit
	if c.Sink == "file" && c.File != "" {
		if err := audit.Check(c.File); err != nil {
			k.fault("log.audit.file",
				"%v: the program's user needs to write there; with log.audit.on_failure: refuse no request is answered without",
				err)
		}
	}
	if c.Sink != "syslog" && c.Sink != "socket" {
		return
	}
	to, err := instance.AuditEndpoint(c)
	if err != nil {
		k.fault("log.audit.ca", "%v; it must be a file of certificates in PEM", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, auditPatience)
	defer cancel()
	if err := audit.CheckSocket(ctx, to); err != nil {
		tried := fmt.Sprintf("tried to connect to %s: %v", c.Address, err)
		if c.OnFailure != "refuse" {
			k.warn("log.audit.address", "%s; records that wait longer than log.audit.max_wait are lost, requests are answered",
				tried)
			return
		}
		why := tried + "; with log.audit.on_failure: refuse requests are 503 until it is reached"
		k.faults = append(k.faults, config.Fault{Path: "log.audit.address", Why: why, Passing: true})
	}
}
