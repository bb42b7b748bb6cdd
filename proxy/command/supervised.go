package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sealfront/proxy/conn"
	"sealfront/proxy/instance"
)

// drainGrace is what an end may take in addition to the drain: the admin address, the audit log and the last traces.
const drainGrace = 10 * time.Second

// answers is the check that the service manager's watchdog relies on: whether the program can answer. Reading the
// metrics takes the locks of the rooms on a request's way, and waits neither for the store nor for KMS.
func answers(p *instance.Instance, server *conn.Server) func(context.Context) error {
	return func(context.Context) error {
		_ = server.Connections()
		_, err := p.Metrics.Registry.Gather()
		return err
	}
}

// serving is the status that the service manager shows.
func serving(r *instance.Reloader, l *listeners) string {
	var b strings.Builder
	b.WriteString("serving")
	for _, name := range []string{"https", "http", "admin"} {
		if ln := l.open[name]; ln != nil {
			fmt.Fprintf(&b, ", %s %s", name, ln.Addr())
		}
	}
	last := r.Last()
	clock := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	fmt.Fprintf(&b, "; configuration of %s", clock(last.Loaded))
	switch {
	case last.Err != nil:
		fmt.Fprintf(&b, "; the one of %s was refused: %v", clock(last.At), last.Err)
	case len(last.Waits) > 0:
		fmt.Fprintf(&b, "; these changes wait for a restart: %s", strings.Join(last.Waits, ", "))
	}
	return b.String()
}
