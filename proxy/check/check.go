package check

import (
	"context"
	"fmt"
	"io"
	"time"

	"sealfront/proxy/config"
)

// Run tries everything that c names. Its error is a config.Faults; warnings, and the store's abilities, are lines on
// stderr.
func Run(ctx context.Context, c *config.Config, stderr io.Writer) error {
	k := &checkup{c: c, stderr: stderr, now: time.Now()}
	k.listeners()
	k.certificates()
	k.secretFiles()
	k.audit(ctx)
	if c.KeepsData() {
		k.dataDirectory()
	}
	k.collector(ctx)
	k.issuers(ctx)
	abilities := k.storeAndKMS(ctx)
	for _, w := range k.warnings {
		fmt.Fprintln(stderr, "warning:", w)
	}
	if len(k.faults) > 0 {
		return k.faults
	}
	if abilities == "" {
		_, err := fmt.Fprintln(stderr, "configuration OK; the embedded store and key service are made at the start")
		return err
	}
	_, err := fmt.Fprintln(stderr, "configuration OK; the store:", abilities)
	return err
}
