package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sealfront/proxy/audit"
)

func auditCommand() command {
	return command{
		name: "audit verify", summary: "verify that an audit log is complete and unchanged",
		synopsis: []string{"sealfront audit verify [--collected] [--expect HASH] FILE…"},
		description: []string{
			"Verifies the chain of an audit log (log.audit.file), the oldest file first, and names the first line that was " +
				"changed, removed or moved, or a missing end: FILE:LINE: why.",
			"Anyone who can write all of the files can make another chain: note the hash that the program logs every " +
				"hour elsewhere, and require it by --expect.",
			"With --collected, FILEs are what receivers of the sinks stdout, syslog and socket have collected: records of any " +
				"number of starts and replicas, mixed, with other lines among them. A line for each chain says how many of its " +
				"records hold, and whether it ended; one that didn't belongs to a program that still runs, was killed, or has " +
				"lost its end.",
		},
		operands: [2]int{1, -1},
		examples: []example{
			{"A log that was rotated twice", "sealfront audit verify audit.log.2 audit.log.1 audit.log"},
			{"What a syslog server has received of all replicas", "sealfront audit verify --collected /var/log/sealfront.log"},
			{
				"With a hash that was noted elsewhere",
				"sealfront audit verify --expect 6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b audit.log",
			},
		},
		failure: "the log is incomplete or changed, or can't be read",
		files:   []entry{{"FILE.head", "next to the last file: the log's end when it was last written"}},
		prepare: prepareAuditVerify,
	}
}

func prepareAuditVerify(v *invocation) action {
	expect := v.String("expect", "", "`HASH` that must occur, noted elsewhere earlier")
	fromReceivers := v.Bool("collected", false, "FILEs are collected from stdout, syslog or a socket")
	return func(_ context.Context, files []string) error {
		if *fromReceivers {
			return verifyCollected(v.stdout, *expect, files)
		}
		found, err := audit.Verify(*expect, files...)
		var broken *audit.Broken
		switch {
		case errors.As(err, &broken):
			fmt.Fprintln(v.stdout, broken)
			return fmt.Errorf("the audit log is broken after %d records", found.Records)
		case err != nil:
			return err
		case found.Open:
			return fmt.Errorf("%d records hold, but the end can't be verified: the file has neither an event end nor a %s.head "+
				"next to it; name the later files, too",
				found.Records, files[len(files)-1])
		}
		_, err = fmt.Fprintf(v.stdout, "%d records hold; the last is %d, %s\n", found.Records, found.Seq, found.Hash)
		return err
	}
}

// verifyCollected verifies the chains that receivers have collected.
func verifyCollected(w io.Writer, expect string, files []string) error {
	chains, err := audit.VerifyCollected(expect, files...)
	records := 0
	for _, c := range chains {
		records += c.Records
		end := "without an end"
		if c.Ended {
			end = "ended"
		}
		fmt.Fprintf(w, "%s: %d records hold; the last is %s, %s\n", c.Begin, c.Records, c.Hash, end)
	}
	var broken *audit.Broken
	if errors.As(err, &broken) {
		fmt.Fprintln(w, broken)
		return fmt.Errorf("the audit log is broken after %d records of %d chains", records, len(chains))
	}
	return err
}
