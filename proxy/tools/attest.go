package tools

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sealfront/crypto/durable"
	"sealfront/policy"
	"sealfront/proxy/attestation"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// AttestOptions are those of Attest. Dir, Sample and Now are required.
type AttestOptions struct {
	// Walk are the options of its walks. Shard and Resume aren't used: the journal lies in Dir.
	Walk     WalkOptions
	Dir      string // gets statement, page and list; with the list of a scan that was cut off, that one is continued
	Sample   int    // objects that are read whole, twice, and tried without KMS
	Full     bool   // every object is read whole
	Endpoint string // of the store, Host where this runs, and Version of the program: the statement names them
	Host     string
	Version  string
	// Key signs the statement; nil leaves it unsigned. Audit says where the audit log's chain stands.
	Key   ed25519.PrivateKey
	Audit func(context.Context) attestation.Audit
	// StoreBucket is the store's name of the bucket, for an Installation without State: one whose KMS is away.
	StoreBucket string
	// Grace is how old an upload or a stash without a record must be to be a finding; default an hour. Younger ones may be
	// at work. What was written since the scan began, by the store's clock, needs to be in none of its listings; Slack,
	// by default two minutes, is how much earlier still counts as that.
	Grace, Slack time.Duration
	// Pause is how long to wait before store or KMS is tried again; default 500 ms.
	Pause time.Duration
	Now   func() time.Time
}

// An Attested is what Attest has made.
type Attested struct {
	Statement *attestation.Statement
	Line      []byte // as it is in the file
	File      string
	SHA256    string // of the line, as the audit log has it
}

// ErrNotClean means that a statement has findings, or that nothing opened.
var ErrNotClean = errors.New("the statement isn't clean")

// Defaults of AttestOptions.
const (
	defaultGrace = time.Hour
	defaultSlack = 2 * time.Minute
	defaultPause = 500 * time.Millisecond
)

// An attest is a scan in progress.
type attest struct {
	attestReader
	in    *Installation
	o     *AttestOptions
	t     Target
	list  *attestList
	began time.Time     // of the first run
	ahead time.Duration // the store's clock of this one

	mu   sync.Mutex
	rows map[[2]string]*attestation.Row // by key and version, until they are written

	withVersions bool     // the second listing was that of versions
	notes        []string // what wasn't seen
}

// Attest scans all that the store's bucket holds below the target, through the store's eyes, and writes a signed
// statement: see package attestation. It returns ErrNotClean with the statement when that has findings or nothing
// opened. Nothing in the store is changed, except that three small objects are put into the state bucket and removed,
// to find out how the store lists. A scan that is cut off is continued by the same call.
func (in *Installation) Attest(ctx context.Context, t Target, o AttestOptions) (_ *Attested, err error) {
	if o.Sample < 0 {
		return nil, fmt.Errorf("%w: the sample must not be negative", ErrUsage)
	}
	o.Grace, o.Slack = cmp.Or(o.Grace, defaultGrace), cmp.Or(o.Slack, defaultSlack)
	a := &attest{in: in, o: &o, t: t, rows: map[[2]string]*attestation.Row{}}
	a.pause = cmp.Or(o.Pause, defaultPause)
	if err := a.findPlace(ctx); err != nil {
		return nil, err
	}
	a.listed = in.list(a.record.StoreName)
	if err := a.compareClocks(ctx); err != nil {
		return nil, err
	}
	mode := attestation.Sampled
	if o.Full {
		mode = attestation.Full
	}
	a.list, err = openList(o.Dir, attestation.Header{
		Target: "s3://" + t.Bucket + "/" + t.Key,
		Bucket: attestation.Bucket{Name: t.Bucket, ARN: a.facts.ARN, InStore: a.record.StoreName, Endpoint: o.Endpoint},
		Scope:  attestation.Scope{Mode: mode, Sample: o.Sample},
	}, o.Now())
	if err != nil {
		return nil, err
	}
	err = a.scan(ctx)
	if err = errors.Join(err, a.list.close()); err != nil {
		return nil, err
	}
	made, err := a.state(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(filepath.Join(o.Dir, journalFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return made, err
	}
	if made.Statement.Verdict != attestation.Clean {
		return made, fmt.Errorf("%w: %s", ErrNotClean, made.Statement.Verdict)
	}
	return made, nil
}

// findPlace reads the bucket's record. Without the state nothing is known but names.
func (a *attest) findPlace(ctx context.Context) (err error) {
	if a.in.State != nil {
		a.place, err = a.in.place(ctx, a.t.Bucket)
		return err
	}
	a.blind = true
	a.place = &place{
		a.in,
		policy.Bucket{Name: a.t.Bucket, Kind: policy.KindOf(a.t.Bucket)},
		&state.Bucket{Name: a.t.Bucket, StoreName: a.o.StoreBucket},
	}
	a.notes = append(a.notes,
		"KMS could not be reached when the scan began. The bucket's record, which KMS keys it allows, "+
			"and the records of its uploads were not read, no envelope was opened, and the statement is not signed: its key is "+
			"derived from a key that KMS opens")
	return nil
}

// compareClocks finds out how far the store's clock is ahead of this machine's, to about a second.
func (a *attest) compareClocks(ctx context.Context) error {
	r := &store.Request{Operation: "HeadBucket", Method: "HEAD", Bucket: a.record.StoreName}
	answer, err := do(ctx, a.in.Store, r)
	if errors.Is(err, errGone) {
		return fmt.Errorf("the store has no bucket %q", a.record.StoreName)
	}
	if err != nil {
		return fmt.Errorf("look up the store's bucket %q: %w", a.record.StoreName, err)
	}
	defer answer.Close()
	if date, err := http.ParseTime(string(answer.Get("Date"))); err == nil {
		a.ahead = date.Sub(a.o.Now())
	}
	return nil
}

// old reports whether something that the store says was made then is too old to be of a request at work.
func (a *attest) old(made time.Time) bool {
	return a.o.Now().Add(a.ahead).Sub(made) > a.o.Grace
}

// scan writes the list.
func (a *attest) scan(ctx context.Context) error {
	if err := a.findRuns(); err != nil {
		return err
	}
	o := a.o.Walk
	o.Resume, o.Shard = filepath.Join(a.o.Dir, journalFile), Shard{}
	w, err := newWalk("attest "+a.t.URI(), o)
	if err != nil {
		return err
	}
	w.phase, w.journal = "objects", a
	err = w.run(ctx, a.listed, a.t.Key, func(ctx context.Context, e entry) (bool, error) {
		return a.keepOf(w)(a.look(ctx, e, attestation.Listed, a.o.Full))
	}, func(shown string) error {
		row := &attestation.Row{Seen: attestation.Named, Key: shown}
		a.found(row, attestation.UnknownName, "%v", errUnknown)
		a.mu.Lock()
		defer a.mu.Unlock()
		return errors.Join(a.say(w, row), a.list.row(row))
	})
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{a.compareListings, a.listUploads, a.findStashes, a.readSample} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// findRuns reads which runs the scan had.
func (a *attest) findRuns() error {
	file, err := a.list.read()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, runs, _, _, err := attestation.ReadList(file)
	if err != nil {
		return err
	}
	a.began = runs[0].Began
	return nil
}

// pass goes over entries that aren't the first listing's: it begins anew with each run.
func (a *attest) pass(
	ctx context.Context, phase string, entries pager, work func(context.Context, *walk, entry) (bool, error),
) error {
	o := a.o.Walk
	o.Resume, o.Shard, o.TotalAfter = "", Shard{}, -1
	w, err := newWalk("", o)
	if err != nil {
		return err
	}
	w.phase, w.journal = phase, a
	return w.run(ctx, entries, a.t.Key,
		func(ctx context.Context, e entry) (bool, error) { return work(ctx, w, e) },
		func(string) error { return nil }) // the first listing has named it
}

// keep holds a row until all before it are done, and reports its findings.
func (a *attest) keep(w *walk, row *attestation.Row, err error) (failed bool, _ error) {
	if err != nil || row == nil {
		return false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rows[[2]string{row.Key, row.Version}] = row
	return len(row.Findings) > 0, a.say(w, row)
}

// say reports the findings of a row.
func (a *attest) say(w *walk, row *attestation.Row) error {
	for i := range row.Findings {
		f := &row.Findings[i]
		of := ""
		if f.Version != "" {
			of = ", version " + f.Version
		}
		if err := w.print(fmt.Sprintf("%s%s: %s: %s", f.URI, of, f.Kind, f.Why), f); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}

// advance implements journal: it writes an entry's row.
func (a *attest) advance(e entry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := [2]string{e.key, e.version}
	row := a.rows[name]
	delete(a.rows, name)
	if row == nil {
		return nil
	}
	return a.list.row(row)
}

// flush implements journal.
func (a *attest) flush() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list.flush()
}

// state makes the statement of the list as it lies on the disk, signs it, and writes it and its page.
func (a *attest) state(ctx context.Context) (*Attested, error) {
	file, err := os.Open(a.list.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	h, runs, tally, read, err := attestation.ReadList(io.TeeReader(file, sum))
	if err != nil {
		return nil, err
	}
	read.SHA256 = hex.EncodeToString(sum.Sum(nil))
	result, err := tally.Result()
	if err != nil {
		return nil, err
	}
	s := &attestation.Statement{
		ID: h.ID, Target: h.Target, Bucket: h.Bucket, Began: a.began, Ended: a.o.Now().UTC(), Runs: runs, Host: a.o.Host,
		Version: a.o.Version, Scope: h.Scope, Result: *result, List: read,
		Listings: a.listings(), NotProven: append(a.notes, notProven(h.Scope.Mode)...),
	}
	if a.o.Audit != nil {
		s.Audit = a.o.Audit(ctx)
	}
	line, err := attestation.Sign(s, a.o.Key)
	if err != nil {
		return nil, err
	}
	made := &Attested{Statement: s, Line: line, File: filepath.Join(a.o.Dir, statementFile), SHA256: attestation.Sum(line)}
	page, err := attestation.Page(s, made.SHA256)
	if err == nil {
		err = durable.Replace(filepath.Join(a.o.Dir, pageFile), page)
	}
	if err == nil {
		err = durable.Replace(made.File, line)
	}
	if err != nil {
		return nil, fmt.Errorf("write the statement: %w", err)
	}
	return made, nil
}

// notProven are the limits of any statement of a mode.
func notProven(mode string) []string {
	limits := []string{
		"What the store held before and after each object was read, and what it showed to nobody, isn't in the statement: " +
			"a store that hides an object from each of its listings, or keeps bytes elsewhere, isn't found out",
		"Names, sizes, times, user metadata and headers of objects are in the clear by design, and were not judged",
		"Bytes that were opened by KMS are sealed without doubt. Of others the test of structure says only that they don't " +
			"look like plaintext: well compressed or otherwise encrypted bytes pass it",
		"Parts of uploads in progress can't be read through S3 by anybody, and were only counted",
		"The state bucket was looked at for leftovers of this bucket alone; snapshots, replicas and backups of the store " +
			"were not read",
		"Objects that were written, replaced or deleted while the scan ran are as they were when they were read",
		"Whoever can have KMS open the state key, as the proxy can, can sign a statement",
	}
	if mode == attestation.Sampled {
		limits = append(limits,
			"Of objects outside of the sample nothing but metadata and end was read: an object that has a "+
				"true envelope and a true end, and other bytes between, isn't found out unless it is drawn")
	}
	return limits
}
