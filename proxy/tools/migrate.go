package tools

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// Migration says what is migrated.
type Migration struct {
	From Target // a bucket of the store, and the beginning of the keys in it
	To   Target // a sealed bucket, and what takes the place of that beginning
	// Proxy speaks to a proxy of this installation, as a client that may do everything: what is written goes through the
	// proxy's own rules, and is read back as clients will read it.
	Proxy       *store.Client
	StateBucket string
	PutLimit    int64 // the most plaintext bytes of one PutObject; 0: what fits the store's
	DropTags    bool  // where the sealed bucket can't hold tags, objects are migrated without them
}

// MigrationReport is Migrate's report.
type MigrationReport struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Copied  int64  `json:"copied"`  // objects that were sealed by this run
	Bytes   int64  `json:"bytes"`   // of their plaintext
	Present int64  `json:"present"` // were there before
	// Objects whose parts the store didn't show, or a sealed object can't have: they have others now.
	Reshaped int64 `json:"reshaped"`
	// The final comparison: Equal objects have the same bytes, metadata, tags, parts and checksum on both sides.
	Compared int64     `json:"compared"`
	Equal    int64     `json:"equal"`
	Gone     int64     `json:"gone"` // deleted from the source meanwhile
	Left     []Finding `json:"left"` // all others
	More     int64     `json:"more,omitempty"`
	Notes    []string  `json:"notes,omitempty"` // what no listing of the source shows
}

// ErrLeft means that not all objects of the source are in the sealed bucket as they are in the source.
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

// Migrate copies what lies in the clear in a bucket of the store into a sealed bucket, and then compares the two. The
// source is only read. Each object appears in one conditional step, whole and checked, or not at all: what is in the
// sealed bucket already is never replaced, so a migration may be killed and begun again, with or without a resume file.
// It goes over the source twice: what couldn't be copied at first, or came later, has a second chance before it is
// compared. It returns ErrLeft when objects are left.
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
		r:    &MigrationReport{From: m.From.URI(), To: m.To.URI(), Left: []Finding{}},
	}
	name := "migrate " + g.r.From + " " + g.r.To
	objects := in.list(m.From.Bucket)
	var before int64
	g.w, err = newWalk(name, o)
	if err == nil {
		g.w.title = "copying: "
		if err := g.giveUpUploads(ctx); err != nil {
			return g.r, err
		}
		if err := g.w.run(ctx, objects, m.From.Key, g.first, func(string) error { return nil }); err != nil {
			return g.r, err
		}
	}
	comparing, compareErr := newWalk(name+", comparing", o)
	if err != nil && compareErr != nil {
		return nil, err // a resume file of neither
	}
	if compareErr != nil {
		return g.r, compareErr
	}
	g.w, before = comparing, comparing.now.Failed
	g.w.title = "comparing: "
	if err := g.giveUpUploads(ctx); err != nil {
		return g.r, err
	}
	g.objects = objects
	err = g.w.run(ctx, objects, m.From.Key, g.second, func(shown string) error { g.leave(shown, errUnknown); return nil })
	if err == nil {
		g.r.Notes, err = in.storeUploads(ctx, m.From.Bucket)
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

// checkMigration refuses what can be seen to be wrong before anything is read.
func (in *Installation) checkMigration(ctx context.Context, m *Migration) error {
	folder := func(prefix string) bool { return prefix == "" || strings.HasSuffix(prefix, "/") }
	switch {
	case m.From.Bucket == m.StateBucket:
		return fmt.Errorf("%w: %s is the state bucket", ErrUsage, m.From.Bucket)
	case folder(m.From.Key) != folder(m.To.Key):
		return fmt.Errorf("%w: the prefix %q takes the place of %q: end both in a slash, or neither",
			ErrUsage, m.To.Key, m.From.Key)
	case !in.Abilities.ConditionalPut:
		return errors.New("the store has no conditional PUT: a client's write that comes between would be lost, " +
			"so nothing is migrated")
	}
	served := ""
	if err := in.State.ListBuckets(ctx, "", func(b *state.Bucket) bool {
		if b.StoreName == m.From.Bucket {
			served = b.Name
		}
		return served == ""
	}); err != nil {
		return fmt.Errorf("look at the buckets that the proxy serves: %w", err)
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

// giveUpUploads aborts what the migration that this one resumes had in progress when it was killed.
func (g *migration) giveUpUploads(ctx context.Context) error {
	for id, key := range g.w.now.Uploads {
		(&upload{client: g.to.client, bucket: g.to.bucket, key: key, id: id}).abandon(ctx)
		if err := g.w.uploadEnded(id); err != nil {
			return err
		}
	}
	return nil
}

// first copies an object. What fails is tried again by second, which reports why.
func (g *migration) first(ctx context.Context, e entry) (failed bool, err error) {
	err = again(func() error { return g.copy(ctx, e) })
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if errors.Is(err, errPresent) {
		g.count(&g.r.Present, 1)
		err = nil
	}
	return err != nil && !errors.Is(err, errGone), nil
}

// second compares an object, and copies it before where it is missing.
func (g *migration) second(ctx context.Context, e entry) (failed bool, err error) {
	err = g.objects.whileListed(ctx, e.key, func() error {
		return again(func() error {
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
		g.leave(e.key, err)
	}
	g.w.mu.Lock()
	defer g.w.mu.Unlock()
	g.r.Compared++
	if err == nil {
		g.r.Equal++
	}
	return err != nil, nil
}

// leave names an object of the source that isn't in the sealed bucket as it is in the source.
func (g *migration) leave(key string, err error) {
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
