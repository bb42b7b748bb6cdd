package tools

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// A Migration says what is migrated.
type Migration struct {
	From Target // a bucket of the store, and the beginning of the keys in it
	To   Target // a sealed bucket, and the prefix that replaces that beginning
	// Proxy is a client of a proxy of this installation that may do everything: writes pass the proxy's own rules, and
	// objects are read back as clients will read them.
	Proxy       *store.Client
	StateBucket string
	PutLimit    int64 // the most plaintext bytes of one PutObject; 0: as much as fits the store's limit
	DropTags    bool  // where the sealed bucket can't hold tags, objects are migrated without them
}

// MigrationReport is Migrate's report.
type MigrationReport struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Shard   string `json:"shard,omitempty"` // I/N, of whose keys alone, as they are in the source, the report is
	Copied  int64  `json:"copied"`          // objects that this run sealed
	Bytes   int64  `json:"bytes"`           // of their plaintext
	Present int64  `json:"present"`         // existed before this run
	// Objects that got different parts, since the store didn't show theirs, or a sealed object can't have them.
	Reshaped int64 `json:"reshaped"`
	// The final comparison: Equal objects have the same bytes, metadata, tags, parts and checksum on both sides.
	Compared int64     `json:"compared"`
	Equal    int64     `json:"equal"`
	Gone     int64     `json:"gone"` // deleted from the source meanwhile
	Left     []Finding `json:"left"` // all others
	More     int64     `json:"more,omitempty"`
	Notes    []string  `json:"notes,omitempty"` // what no listing of the source shows
}

// ErrLeft means that not all objects of the source were copied unchanged.
var ErrLeft = errors.New("not all objects were migrated")

// A migration is one in progress.
type migration struct {
	*Migration
	metadataHeader string
	from, to       *clientBucket
	objects        *bucketList // of the source
	w              *walk
	r              *MigrationReport
}

// Migrate copies the plaintext objects of a bucket of the store into a sealed bucket, and then compares the two. The
// source is only read. Each object appears in one conditional step, complete and checked, or not at all. Existing
// objects in the sealed bucket are never replaced, so a migration may be killed and started again, with or without a
// resume file. It walks the source twice: an object that couldn't be copied at first, or was added later, is copied
// before it is compared. It returns ErrLeft when objects were not copied.
//
//	source ─▶ GET, If-Match ─▶ proxy: checks, seals ─▶ PUT, If-None-Match: *          then  source ─┐
//	                                                  or parts of the same sizes            proxy ──┴▶ byte for byte
func (in *Installation) Migrate(ctx context.Context, m *Migration, o WalkOptions) (*MigrationReport, error) {
	if err := in.checkMigration(ctx, m); err != nil {
		return nil, err
	}
	p, err := in.place(ctx, m.To.Bucket)
	if err != nil {
		return nil, err
	}
	if err := in.hasBucket(ctx, m.From.Bucket); err != nil {
		return nil, err
	}
	g := &migration{
		Migration: m, metadataHeader: in.MetadataHeader,
		from: &clientBucket{client: in.Store, bucket: m.From.Bucket, directory: p.record.Directory},
		to:   &clientBucket{client: m.Proxy, bucket: m.To.Bucket, directory: p.record.Directory},
		r:    &MigrationReport{From: m.From.URI(), To: m.To.URI(), Shard: o.Shard.String(), Left: []Finding{}},
	}
	name := "migrate " + g.r.From + " " + g.r.To
	objects := in.list(m.From.Bucket)
	var before int64
	g.w, err = newWalk(name, o)
	if err == nil {
		g.w.phase = "copying"
		if err := g.abortUploads(ctx); err != nil {
			return g.r, err
		}
		if err := g.w.run(ctx, objects, m.From.Key, g.copyFirst, func(string) error { return nil }); err != nil {
			return g.r, err
		}
	}
	comparing, compareErr := newWalk(name+", comparing", o)
	if err != nil && compareErr != nil {
		return nil, err // a resume file of neither walk
	}
	if compareErr != nil {
		return g.r, compareErr
	}
	g.w, before = comparing, comparing.now.Failed
	g.w.phase = "comparing"
	if err := g.abortUploads(ctx); err != nil {
		return g.r, err
	}
	g.objects = objects
	err = g.w.run(ctx, objects, m.From.Key, g.compareSecond, func(shown string) error {
		g.reportLeft(shown, errUnknown)
		return nil
	})
	if err == nil {
		g.r.Notes = o.Shard.notes()
		var notes []string
		notes, err = in.storeUploads(ctx, m.From.Bucket)
		g.r.Notes = append(g.r.Notes, notes...)
	}
	if err == nil {
		var notes []string
		notes, err = in.unlisted(ctx, m.From.Bucket)
		g.r.Notes = append(g.r.Notes, notes...)
	}
	if err == nil && before+int64(len(g.r.Left))+g.r.More > 0 {
		err = ErrLeft
	}
	return g.r, err
}

// checkMigration refuses errors that are evident before anything is read.
func (in *Installation) checkMigration(ctx context.Context, m *Migration) error {
	folder := func(prefix string) bool { return prefix == "" || strings.HasSuffix(prefix, "/") }
	switch {
	case m.From.Bucket == m.StateBucket:
		return fmt.Errorf("%w: %s is the state bucket", ErrUsage, m.From.Bucket)
	case folder(m.From.Key) != folder(m.To.Key):
		return fmt.Errorf("%w: the prefix %q replaces %q: end both in a slash, or neither",
			ErrUsage, m.To.Key, m.From.Key)
	case !in.Abilities.ConditionalPut:
		return errors.New("the store has no conditional PUT: a concurrent write of a client would be lost, " +
			"so nothing is migrated")
	}
	served := ""
	if err := in.State.Buckets(ctx, func(b *state.Bucket) bool {
		if b.StoreName == m.From.Bucket {
			served = b.Name
		}
		return served == ""
	}); err != nil {
		return fmt.Errorf("list the buckets that the proxy serves: %w", err)
	}
	if served != "" {
		return fmt.Errorf("%w: the store's bucket %s is served by the proxy, as %s: what is in it is sealed",
			ErrUsage, m.From.Bucket, served)
	}
	return nil
}

// target is the key that an object of the source gets.
func (g *migration) target(key string) string {
	return g.To.Key + strings.TrimPrefix(key, g.From.Key)
}

// abortUploads aborts uploads that the resumed migration had in progress when it was killed.
func (g *migration) abortUploads(ctx context.Context) error {
	for id, key := range g.w.now.Uploads {
		(&upload{client: g.to.client, bucket: g.to.bucket, key: key, id: id}).abandon(ctx)
		if err := g.w.uploadEnded(id); err != nil {
			return err
		}
	}
	return nil
}

// copyFirst copies an object. compareSecond tries a failed one again, and reports why it fails.
func (g *migration) copyFirst(ctx context.Context, e entry) (failed bool, err error) {
	err = retry(func() error { return g.copy(ctx, e) })
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if errors.Is(err, errPresent) {
		g.count(&g.r.Present, 1)
		err = nil
	}
	return err != nil && !errors.Is(err, errGone), nil
}

// compareSecond compares an object, after copying it if it is missing.
func (g *migration) compareSecond(ctx context.Context, e entry) (failed bool, err error) {
	err = g.objects.whileListed(ctx, e.key, func() error {
		return retry(func() error {
			err := g.compare(ctx, e)
			if !errors.Is(err, errMissing) {
				return err
			}
			if err := g.copy(ctx, e); err != nil && !errors.Is(err, errPresent) {
				return err
			}
			return g.compare(ctx, e)
		})
	})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if errors.Is(err, errGone) {
		g.count(&g.r.Gone, 1)
		return false, nil
	}
	if err != nil {
		g.reportLeft(e.key, err)
	}
	g.w.mu.Lock()
	defer g.w.mu.Unlock()
	g.r.Compared++
	if err == nil {
		g.r.Equal++
	}
	return err != nil, nil
}

// reportLeft reports an object of the source that wasn't copied unchanged.
func (g *migration) reportLeft(key string, err error) {
	g.w.mu.Lock()
	defer g.w.mu.Unlock()
	if len(g.r.Left) == maxLeft {
		g.r.More++
		return
	}
	g.r.Left = append(g.r.Left, leftFinding(Target{g.From.Bucket, key}, err))
}

func (g *migration) count(counter *int64, n int64) {
	g.w.mu.Lock()
	defer g.w.mu.Unlock()
	*counter += n
}
