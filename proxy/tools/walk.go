package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"sealfront/crypto/durable"
)

// WalkOptions are the options of a tool's walk over a bucket.
type WalkOptions struct {
	Concurrency int       // objects at the same time; default 8
	Rate        float64   // objects begun a second at most; 0: no limit
	Resume      string    // file that records the walk's progress; "": none
	JSON        bool      // reports in JSON, a document a line
	Out         io.Writer // the report
	Shard       Shard     // the keys that are looked at; default all
	Watch       Watcher   // is shown the progress; nil: none
	// TotalAfter is how long a watched walk runs before its keys are counted ahead of it; default 5 s, negative: never.
	TotalAfter time.Duration
}

// position is the resume file: all objects up to and with After are done.
type position struct {
	Walk   string `json:"walk"` // the tool and its target, so that a file isn't used for another walk
	After  string `json:"after"`
	Done   int64  `json:"done"`
	Failed int64  `json:"failed"`
	Bytes  int64  `json:"bytes,omitempty"` // of those that are done, as the store lists them
	// Uploads by which objects are being made, and their keys: a tool that is killed can't abort them.
	Uploads map[string]string `json:"uploads,omitempty"`
}

// entry is a listed object.
type entry struct {
	key, etag string
	size      int64
	version   string // "" for the current one
	shown     int    // by which listings, of Attest's second pass
}

// A pager has what a walk goes over, a page at a time.
type pager interface {
	// page returns up to most entries behind a key, which is the last one of the page before.
	page(ctx context.Context, prefix, after string, most int) (*page, error)
	// countable reports whether the entries can be counted ahead, by pages of their own.
	countable() bool
}

// A journal records what a walk has done beyond its position.
type journal interface {
	// advance is called for each entry in the order of the pages, when it and all before it are done.
	advance(e entry) error
	// flush is called before the position is recorded.
	flush() error
}

// walk calls work for each object of the store's bucket that begins with prefix and belongs to the shard, several at a
// time, and records the position up to which all are done. work's error ends the walk; a faulty object is no error.
type walk struct {
	o       WalkOptions
	phase   string // of Progress
	started time.Time

	// showing is held while the watcher or the report is written; mu isn't taken before it.
	showing sync.Mutex

	mu      sync.Mutex
	now     position
	begun   int64
	pending []*task // in the order of names; the first is not done
	saved   time.Time
	total   total
	meter   meter

	journal journal       // nil: none. With one, the resume file stays when the walk has ended
	room    chan struct{} // with a journal: of entries that may wait to be recorded
}

type task struct {
	entry
	done bool
}

// maxWaiting bounds how many entries that are done wait for one before them, which may take hours, until the journal
// can record them.
const maxWaiting = 4000

// listedAtOnce is how many objects are listed by one request.
const listedAtOnce = 1000

func newWalk(name string, o WalkOptions) (*walk, error) {
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	if o.TotalAfter == 0 {
		o.TotalAfter = totalAfter
	}
	name = o.Shard.name(name)
	w := &walk{o: o, now: position{Walk: name}}
	if o.Resume == "" {
		return w, nil
	}
	text, err := os.ReadFile(o.Resume)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the resume file: %w", err)
	}
	if err := json.Unmarshal(text, &w.now); err != nil || w.now.Walk != name {
		return nil, fmt.Errorf("%w: the resume file %s is not of this walk (%s), but of %q",
			ErrUsage, o.Resume, name, w.now.Walk)
	}
	return w, nil
}

// run goes over the objects. work reports whether the object failed; its error ends the walk. For an object that was
// listed and is gone, work returns errGone only when it is no longer listed. unknown gets the listed names that can't
// be decoded.
func (w *walk) run(
	ctx context.Context, objects pager, prefix string,
	work func(context.Context, entry) (failed bool, err error), unknown func(shown string) error,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if w.journal != nil {
		w.room = make(chan struct{}, maxWaiting)
	}
	tasks := make(chan *task)
	var workers sync.WaitGroup
	for range w.o.Concurrency {
		workers.Go(func() {
			for t := range tasks {
				if ctx.Err() != nil {
					continue
				}
				failed, err := work(ctx, t.entry)
				if err != nil {
					cancel(err)
					continue
				}
				if err := w.finish(t, failed); err != nil {
					cancel(err)
				}
			}
		})
	}
	stopWatching := w.startWatching(ctx, objects, prefix)
	err := w.feed(ctx, objects, prefix, tasks, unknown)
	close(tasks)
	workers.Wait()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	stopWatching()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.o.Resume == "" {
		return err
	}
	if err != nil || w.journal != nil {
		return errors.Join(err, w.save())
	}
	if gone := os.Remove(w.o.Resume); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		return gone
	}
	return nil
}

// startWatching begins to show the progress. What it returns shows the end, and clears it for what follows.
func (w *walk) startWatching(ctx context.Context, objects pager, prefix string) (stop func()) {
	w.started = time.Now()
	if w.o.Watch == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { w.watch(ctx) })
	if start := w.now; w.o.TotalAfter > 0 && objects.countable() {
		counted := total{objects: start.Done, bytes: start.Bytes}
		watching.Go(func() { w.findTotal(ctx, objects, prefix, start.After, counted) })
	}
	return func() {
		cancel()
		watching.Wait()
		w.show()
		w.o.Watch.Clear()
	}
}

func (w *walk) feed(
	ctx context.Context, objects pager, prefix string, tasks chan<- *task, unknown func(string) error,
) error {
	all := total{objects: w.now.Done, bytes: w.now.Bytes} // with what is listed
	for start := w.now.After; ; {
		page, err := objects.page(ctx, prefix, start, listedAtOnce)
		if err != nil {
			return fmt.Errorf("list the store's bucket: %w", err)
		}
		for _, shown := range page.unknown {
			w.mu.Lock()
			w.now.Failed++
			w.mu.Unlock()
			if err := unknown(shown); err != nil {
				return err
			}
		}
		mine := page.entries[:0]
		for _, e := range page.entries {
			if w.o.Shard.Has(e.key) {
				mine = append(mine, e)
				all.add(e)
			}
		}
		if !page.more {
			w.setTotal(all)
		}
		for _, e := range mine {
			if w.o.Rate > 0 {
				due := w.started.Add(time.Duration(float64(w.begun) / w.o.Rate * float64(time.Second)))
				select {
				case <-time.After(time.Until(due)):
				case <-ctx.Done():
					return nil
				}
			}
			if w.room != nil {
				select {
				case w.room <- struct{}{}:
				case <-ctx.Done():
					return nil
				}
			}
			t := &task{entry: e}
			w.mu.Lock()
			w.begun++
			w.pending = append(w.pending, t)
			w.mu.Unlock()
			select {
			case tasks <- t:
			case <-ctx.Done():
				return nil
			}
		}
		if !page.more {
			return nil
		}
		start = page.last
	}
}

// finish records an object as done and moves the position to before the first object that isn't.
func (w *walk) finish(t *task, failed bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.done = true
	w.now.Done++
	w.now.Bytes += t.size
	if failed {
		w.now.Failed++
	}
	for len(w.pending) > 0 && w.pending[0].done {
		if w.journal != nil {
			if err := w.journal.advance(w.pending[0].entry); err != nil {
				return err
			}
			<-w.room
		}
		w.now.After = w.pending[0].key
		w.pending = w.pending[1:]
	}
	if now := time.Now(); w.o.Resume != "" && now.Sub(w.saved) > time.Second {
		w.saved = now
		return w.save()
	}
	return nil
}

// uploadBegan records an upload before it gets its first part.
func (w *walk) uploadBegan(id, key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.Uploads == nil {
		w.now.Uploads = map[string]string{}
	}
	w.now.Uploads[id] = key
	if w.o.Resume == "" {
		return nil
	}
	return w.save()
}

// uploadEnded forgets one that was completed or aborted. The resume file may name it for a while: aborting it again
// does no harm.
func (w *walk) uploadEnded(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.now.Uploads, id)
	if w.o.Resume == "" || len(w.now.Uploads) > 0 {
		return nil
	}
	return w.save()
}

// print writes one line of the report.
func (w *walk) print(text string, document any) error {
	w.showing.Lock()
	defer w.showing.Unlock()
	if w.o.Watch != nil {
		w.o.Watch.Clear()
	}
	if !w.o.JSON {
		_, err := fmt.Fprintln(w.o.Out, text)
		return err
	}
	return WriteLine(w.o.Out, document)
}

// WriteLine writes a JSON document on one line.
func WriteLine(w io.Writer, document any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(document)
}

// save writes the resume file in one step.
func (w *walk) save() error {
	if w.journal != nil {
		if err := w.journal.flush(); err != nil {
			return err
		}
	}
	text, err := json.Marshal(w.now)
	if err != nil {
		return err
	}
	if err := durable.Replace(w.o.Resume, append(text, '\n')); err != nil {
		return fmt.Errorf("write the resume file: %w", err)
	}
	return nil
}
