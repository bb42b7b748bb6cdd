package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An upkeep is what `bench reload` does to replicas under load: what operators do in a week, in a minute.
type upkeep struct {
	connections, reloads, restarts int
	grace, straggle, settle        time.Duration
	progress                       *progress

	fleet  *fleet
	load   *steady
	tls    *tls.Config // knows no sessions, so that every handshake shows a certificate
	rows   []string
	errors []error

	drained, started []float64 // seconds of each restart
}

func parseUpkeep(args []string, out io.Writer) (*upkeep, error) {
	u := &upkeep{progress: newProgress(out)}
	f := flag.NewFlagSet("bench reload", flag.ContinueOnError)
	f.SetOutput(out)
	f.IntVar(&u.connections, "connections", 16, "of the load, each with one request at a time")
	f.IntVar(&u.reloads, "reloads", 10, "of each kind")
	f.IntVar(&u.restarts, "restarts", 3, "of each of the two replicas")
	f.DurationVar(&u.grace, "grace", 20*time.Second, "limits.drain_timeout, in which a replica must end")
	f.DurationVar(&u.straggle, "straggle", 2*time.Second, "how long an upload goes on that is in flight at SIGTERM")
	f.DurationVar(&u.settle, "settle", 2*time.Second, "of load before the first and after the last")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, usageError{err}
	}
	if f.NArg() > 0 || u.connections <= 0 || u.reloads < 0 || u.restarts < 0 || u.grace <= 0 || u.straggle <= 0 ||
		u.straggle >= u.grace {
		return nil, usagef("reload takes no arguments, and -connections, -grace and -straggle must be positive, " +
			"-straggle less than -grace")
	}
	return u, nil
}

// run reloads and restarts under load. Its error names what failed.
func (u *upkeep) run(ctx context.Context, command string, out io.Writer) error {
	l, err := newLab("", u.progress.say)
	if err != nil {
		return err
	}
	defer l.close()
	u.progress.step("starting")
	if u.fleet, err = l.startFleet(ctx); err != nil {
		return err
	}
	for _, every := range []time.Duration{200 * time.Millisecond, 0} { // the second learns of changes by SIGHUP only
		if err := u.fleet.addReplica(ctx, replicaOptions{
			every: every, grace: u.grace, kms: u.fleet.kms["SEALFRONT_KMS_ENDPOINT"],
		}); err != nil {
			return err
		}
	}
	t, err := u.fleet.target(sealfrontName, u.fleet.replicas[0])
	if err != nil {
		return err
	}
	if err := t.makeEncrypted(ctx, u.fleet.kms["SEALFRONT_KMS_KEY"]); err != nil {
		return err
	}
	u.tls = &tls.Config{RootCAs: t.tls.RootCAs, ServerName: t.tls.ServerName, MinVersion: tls.VersionTLS12}
	var hosts []string
	for _, r := range u.fleet.replicas {
		hosts = append(hosts, r.address)
	}
	began := time.Now()
	u.load = startSteady(ctx, t, hosts, []int64{4 << 10, 300_000, 1 << 20, 8 << 20}, u.connections)
	wait(ctx, u.settle)
	u.reload(ctx, "certificate", u.renewCertificate)
	u.reload(ctx, "identities: one more, and one less", u.changeIdentities(t))
	u.reload(ctx, "a file with a fault, and the right one again", u.refuse)
	for range u.restarts {
		for _, r := range u.fleet.replicas {
			u.restart(ctx, t, r)
		}
	}
	u.note("SIGTERM, while an upload is in flight, to the replica's end", u.drained)
	u.note("start, until it is ready", u.started)
	wait(ctx, u.settle)
	failed := u.load.end()
	took := time.Since(began)
	u.progress.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s := u.load
	o := newOutcome(ctx, command)
	var b strings.Builder
	fmt.Fprintf(&b, "- Machine: %s\n- Go: %s, commit: %s, %s UTC\n- Command: `%s`\n", o.Machine, o.Go, o.Commit,
		o.Date, o.Command)
	fmt.Fprintf(
		&b, "- Load: %d requests in %.0f s by %d connections, PUT and GET of 4 KiB to 8 MiB in all payload modes, "+
			"every body compared; %d handshakes\n", s.requests.Load(), took.Seconds(), u.connections, s.shaken.Load())
	fmt.Fprintf(
		&b, "- **Failed requests: %d.** Sent again on a new connection, after the server had closed an idle one: %d; "+
			"connections that had to be made elsewhere: %d\n", len(failed), s.resent.Load(), s.moved.Load())
	b.WriteString("\n| what, under load | how often | in force after s, median | most |\n|---|--:|--:|--:|\n" +
		strings.Join(u.rows, ""))
	if len(failed) > 0 {
		u.errors = append(u.errors, fmt.Errorf("%d of %d requests failed:\n%s", len(failed), s.requests.Load(),
			strings.Join(failed[:min(10, len(failed))], "\n")))
	}
	if s.requests.Load() == 0 {
		u.errors = append(u.errors, errors.New("there was no load"))
	}
	_, err = io.WriteString(out, b.String())
	return errors.Join(append(u.errors, err)...)
}

// reload changes something so many times and notes how long it took to be in force everywhere.
func (u *upkeep) reload(ctx context.Context, what string, change func(ctx context.Context, n int) error) {
	var took []float64
	for n := range u.reloads {
		u.progress.step("%s %d/%d", what, n+1, u.reloads)
		began := time.Now()
		if err := change(ctx, n); err != nil {
			u.errors = append(u.errors, fmt.Errorf("%s: %w", what, err))
			return
		}
		took = append(took, time.Since(began).Seconds())
	}
	u.note("reload: "+what, took)
}

func (u *upkeep) note(what string, took []float64) {
	if len(took) > 0 {
		u.rows = append(u.rows, fmt.Sprintf("| %s | %d | %.2f | %.2f |\n", what, len(took), median(took),
			slices.Max(took)))
	}
}

// inForce waits until a condition holds at every replica.
func (u *upkeep) inForce(ctx context.Context, holds func(*replica) (bool, error)) error {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	for _, r := range u.fleet.replicas {
		for {
			ok, err := holds(r)
			if err == nil && ok {
				break
			}
			if ctx.Err() != nil {
				return errors.Join(fmt.Errorf("%s has not taken it in time", r.name), err)
			}
			wait(ctx, 10*time.Millisecond)
		}
	}
	return nil
}

func (u *upkeep) renewCertificate(ctx context.Context, _ int) error {
	if err := errors.Join(u.fleet.renew(), u.fleet.hangUp()); err != nil {
		return err
	}
	return u.inForce(ctx, func(r *replica) (bool, error) { return u.fleet.shows(ctx, r, u.tls) })
}

// changeIdentities adds an identity, which must then be let in, and removes it, which must then be kept out.
func (u *upkeep) changeIdentities(t *target) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		name := fmt.Sprintf("guest%d", n)
		status := func(r *replica) (int, error) {
			o := t.options
			o.endpoint, o.accessKey, o.secretKey, o.session = "https://"+r.address, name, name, false
			guest, err := newTarget(o)
			if err != nil {
				return 0, err
			}
			c := newClient(guest)
			defer c.close()
			a, err := c.do(ctx, &request{method: "GET", path: "/" + t.bucket, query: "list-type=2&max-keys=1"})
			if err != nil {
				return 0, err
			}
			return a.status, nil
		}
		for _, step := range []struct {
			names []string
			want  int
		}{{[]string{name}, http.StatusOK}, {nil, http.StatusForbidden}} {
			if err := errors.Join(u.fleet.writeIdentities(step.names...), u.fleet.hangUp()); err != nil {
				return err
			}
			err := u.inForce(ctx, func(r *replica) (bool, error) {
				got, err := status(r)
				return got == step.want, err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// refuse gives the replicas a key that doesn't fit its certificate, and a while later a new pair. A reload of the first
// is refused, and what was in force stays.
func (u *upkeep) refuse(ctx context.Context, _ int) error {
	key, err := os.ReadFile(filepath.Join(u.fleet.dir, "tls.key"))
	if err != nil {
		return err
	}
	if err := errors.Join(u.fleet.renew(), u.fleet.replace("tls.key", key), u.fleet.hangUp()); err != nil {
		return err
	}
	wait(ctx, 600*time.Millisecond) // longer than a replica takes to look, and to look again
	for _, r := range u.fleet.replicas {
		newest, err := u.fleet.shows(ctx, r, u.tls)
		if err != nil || newest {
			return errors.Join(fmt.Errorf("%s shows a certificate without its key: %t", r.name, newest), err)
		}
	}
	return u.renewCertificate(ctx, 0)
}

// restart ends a replica while an upload to it is in flight, and starts it again.
func (u *upkeep) restart(ctx context.Context, t *target, r *replica) {
	u.progress.step("restart %s", r.name)
	fail := func(err error) { u.errors = append(u.errors, fmt.Errorf("restart of %s: %w", r.name, err)) }
	begun, straggler := make(chan struct{}), make(chan error, 1)
	go func() { straggler <- u.straggler(ctx, t, r, begun) }()
	select {
	case <-begun:
	case err := <-straggler:
		fail(fmt.Errorf("begin an upload: %w", err))
		return
	}
	took, status, err := r.end(u.grace + 5*time.Second)
	if err != nil {
		fail(err)
		return
	}
	if err := <-straggler; err != nil {
		fail(fmt.Errorf("the upload that was in flight: %w", err))
	}
	if status != 0 || took > u.grace {
		fail(fmt.Errorf("it ended with status %d after %s", status, took))
	}
	u.drained = append(u.drained, took.Seconds())
	began := time.Now()
	if err := u.fleet.startReplica(ctx, r); err != nil {
		fail(err)
		return
	}
	u.started = append(u.started, time.Since(began).Seconds())
	wait(ctx, time.Second) // of load at both
}

// straggler uploads to a replica for as long as it takes; begun is closed when the first half of the body has gone.
func (u *upkeep) straggler(ctx context.Context, t *target, r *replica, begun chan<- struct{}) error {
	const size = 1 << 20
	c := newClient(t)
	defer c.close()
	c.reach = func(ctx context.Context) (net.Conn, error) {
		d := tls.Dialer{Config: u.tls}
		return d.DialContext(ctx, "tcp", r.address)
	}
	p := payload{hash: "UNSIGNED-PAYLOAD", length: size, write: func(w io.Writer, _ []byte) error {
		for n := range 16 {
			if _, err := w.Write(block[:size/16]); err != nil {
				return err
			}
			if err := c.bw.Flush(); err != nil {
				return err
			}
			if n == 7 {
				close(begun)
			}
			wait(ctx, u.straggle/16)
		}
		return nil
	}}
	a, err := c.do(ctx, &request{method: "PUT", path: "/" + t.bucket + "/" + keyPrefix + "straggler", payload: &p})
	if err != nil {
		return err
	}
	return a.failed("PutObject")
}
