package main

import (
	"context"
	"errors"
	"fmt"

	"sealfront/proxy/audit"
	"sealfront/proxy/config"
	"sealfront/proxy/gateway"
)

// openAudit opens the audit log of a serving program, if it has one.
func (p *parts) openAudit(c *config.Config, o *gateway.Options) (err error) {
	if c.Log.Audit.File == "" || p.tool {
		return nil
	}
	p.audit, err = audit.Open(c.Log.Audit.File, audit.Options{HashKeys: c.Log.Audit.Keys == "hash", Log: p.log, Count: p.metrics.Audit})
	if err != nil {
		return config.Faults{{Path: "log.audit.file", Why: err.Error()}}
	}
	p.closers = append(p.closers, p.audit.Close)
	o.Audit, o.AuditRequired = p.audit, c.Log.Audit.OnFailure == "refuse"
	return nil
}

func prepareAuditVerify(v *invocation) action {
	expect := v.String("expect", "", "`HASH` that must occur, noted elsewhere before")
	return func(_ context.Context, files []string) error {
		found, err := audit.Verify(*expect, files...)
		var broken *audit.Broken
		switch {
		case errors.As(err, &broken):
			fmt.Fprintln(v.stdout, broken)
			return fmt.Errorf("the audit log is broken after %d records", found.Records)
		case err != nil:
			return err
		case found.Open:
			return fmt.Errorf("%d records hold, but nothing holds the end: the file has neither an event end nor a %s.head beside it; name the files after it, too",
				found.Records, files[len(files)-1])
		}
		_, err = fmt.Fprintf(v.stdout, "%d records hold; the last is %d, %s\n", found.Records, found.Seq, found.Hash)
		return err
	}
}
