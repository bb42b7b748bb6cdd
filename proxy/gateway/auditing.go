package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"sealfront/proxy/audit"
	"sealfront/proxy/s3"
)

// errNoRecord is for the log.
var errNoRecord = errors.New("the audit log can't take its record")

// reserveRecord refuses the request where nothing may happen that isn't recorded, and it can't be.
func (x *exchange) reserveRecord() error {
	if x.g.o.Audit == nil || !x.g.o.AuditRequired {
		return nil
	}
	if x.account.reserved = x.g.o.Audit.Reserve(); !x.account.reserved {
		x.g.shed(ShedAudit)
		return s3.Unavailable(errNoRecord)
	}
	return nil
}

// audit gives the audit log its record. Strings are copied: they may be lent by the request.
func (x *exchange) audit(code, row string, took time.Duration) {
	a := x.g.o.Audit
	if a == nil || x.g.o.AuditRequired && !x.account.reserved {
		return
	}
	header := &x.ctx.Response.Header
	r := audit.Record{
		Time: x.grant.Start, Request: x.requestID, Trace: x.traceID(), Remote: x.grant.Client().String(), TLS: x.grant.OverTLS(), Operation: x.Operation.String(),
		Bucket: strings.Clone(x.Bucket), Key: strings.Clone(x.Key), Version: strings.Clone(x.Version),
		Source: string(x.grant.Bytes("x-amz-copy-source")), Row: row, Decision: "refused", Code: code,
		Status: x.ctx.Response.StatusCode(), In: x.account.in, Out: x.account.out, Took: took,
	}
	if x.account.permitted {
		r.Decision = "permitted"
	}
	if r.Row == "" {
		r.Row = x.grant.Decision.Row
	}
	if x.grant.Identity != nil {
		r.Principal = x.grant.Identity.Name
	}
	if x.grant.Session != nil {
		sum := sha256.Sum256(x.grant.Auth.AccessKeyID)
		r.Session, r.Mode = hex.EncodeToString(sum[:8]), "ReadWrite"
		if x.grant.ReadOnly {
			r.Mode = "ReadOnly"
		}
	}
	// What a read opened stands in the answer only.
	e := &x.grant.Decision.Encryption
	r.Encryption, r.KMSKey = string(header.Peek("x-amz-server-side-encryption")), string(header.Peek("x-amz-server-side-encryption-aws-kms-key-id"))
	if sse := e.SSE.String(); r.Encryption == "" {
		r.Encryption, r.KMSKey = sse, strings.Clone(e.KeyARN)
	}
	if len(e.Context) > 0 {
		if text, err := json.Marshal(e.Context); err == nil {
			r.Context = string(text)
		}
	}
	a.Add(r, x.account.reserved)
	x.account.reserved = false
}
