package main

import (
	"errors"
	"fmt"
	"io"

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

// runAudit carries out `audit verify`.
func runAudit(args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "verify" {
		return usagef("usage: sealfront audit verify [--expect HASH] FILE…")
	}
	flags := newFlags("audit verify", stderr)
	expect := flags.String("expect", "", "a hash that must occur, noted elsewhere before")
	if err := flags.Parse(args[1:]); err != nil {
		return usageError{err}
	}
	if flags.NArg() == 0 {
		return usagef("audit verify needs the files of an audit log, the oldest first")
	}
	v, err := audit.Verify(*expect, flags.Args()...)
	var broken *audit.Broken
	switch {
	case errors.As(err, &broken):
		fmt.Fprintln(stdout, broken)
		return fmt.Errorf("the audit log is broken after %d records", v.Records)
	case err != nil:
		return err
	case v.Open:
		return fmt.Errorf("%d records hold, but nothing holds the end: the file has neither an event end nor a %s.head beside it; name the files after it, too",
			v.Records, flags.Arg(flags.NArg()-1))
	}
	_, err = fmt.Fprintf(stdout, "%d records hold; the last is %d, %s\n", v.Records, v.Seq, v.Hash)
	return err
}
