package command

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sealfront/proxy/conn"
	"sealfront/proxy/instance"
)

// drainGrace is what an end may take in addition to the drain: the admin address, the audit log and the last traces.
const drainGrace = 10 * time.Second

// answers is the check that the service manager's watchdog relies on: whether the program can answer. It reads the
// metrics, which takes the locks of the rooms on a request's way, and requests /livez at the admin address where that
// needs no certificate. Neither waits for the store or KMS.
func answers(p *instance.Instance, server *conn.Server, l *listeners) func(context.Context) error {
	c := p.Config
	var live *http.Client
	url := ""
	if ln := l.open["admin"]; ln != nil && c.Admin.ClientCA == "" {
		url = adminScheme(c) + "://" + reachable(ln.Addr()) + "/livez"
		live = &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // it calls itself, and says nothing
		}}
	}
	return func(ctx context.Context) error {
		_ = server.Connections()
		if _, err := p.Metrics.Registry.Gather(); err != nil {
			return fmt.Errorf("read the metrics: %w", err)
		}
		if live == nil {
			return nil
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		a, err := live.Do(r)
		if err != nil {
			return err
		}
		_ = a.Body.Close()
		if a.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, a.Status)
		}
		return nil
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
