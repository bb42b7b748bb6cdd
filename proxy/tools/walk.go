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
)

// WalkOptions say how a tool goes over a bucket.
type WalkOptions struct {
	Concurrency int       // objects at the same time; default 8
	Rate        float64   // objects begun a second at most; 0: as fast as it goes
	Resume      string    // file that keeps how far the walk has come; "": none
	JSON        bool      // reports in JSON, a document a line
	Out         io.Writer // the report
	Progress    io.Writer // a terminal; nil: none
}

// position is the resume file: all objects up to and with After are done.
type position struct {
	Walk   string `json:"walk"` // what is walked over, so that one file isn't taken for another's
	After  string `json:"after"`
	Done   int64  `json:"done"`
	Failed int64  `json:"failed"`
	// Uploads by which objects are being made, and their keys: a tool that is killed can't abort them.
	Uploads map[string]string `json:"uploads,omitempty"`
}

// entry is a listed object.
type entry struct {
	key, etag string
	size      int64
}

// walk calls work for each object of the store's bucket that begins with prefix, several at a time, and writes down how
// far all are done. work's error ends the walk; what is wrong with an object isn't one. It returns the position at the
// end.
type walk struct {
	o     WalkOptions
	name  string
	title string // of what is done, before the progress
	now   position

	mu      sync.Mutex
	begun   int64
	pending []*task // in the order of names; the first is not done
	saved   time.Time
	shown   time.Time
}

type task struct {
	entry
	done bool
}

// listedAtOnce is how many objects are listed by one request.
const listedAtOnce = 1000

func newWalk(name string, o WalkOptions) (*walk, error) {
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	w := &walk{o: o, name: name, now: position{Walk: name}}
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

// run goes over the objects. work reports whether the object failed; its error means that going on has no sense. An
// object that was listed and is gone is work's errGone only when it isn't listed any more. unknown gets the names that
// the store shows and that can't be found out.
func (w *walk) run(
	ctx context.Context, objects *bucketList, prefix string,
	work func(context.Context, entry) (failed bool, err error), unknown func(shown string) error,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
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
	err := w.feed(ctx, objects, prefix, tasks, unknown)
	close(tasks)
	workers.Wait()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLine()
	if w.o.Resume == "" {
		return err
	}
	if err != nil {
		return errors.Join(err, w.save())
	}
	if gone := os.Remove(w.o.Resume); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		return gone
	}
	return nil
}

func (w *walk) feed(
	ctx context.Context, objects *bucketList, prefix string, tasks chan<- *task, unknown func(string) error,
) error {
	began := time.Now()
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
		for _, e := range page.entries {
			if w.o.Rate > 0 {
				due := began.Add(time.Duration(float64(w.begun) / w.o.Rate * float64(time.Second)))
				select {
				case <-time.After(time.Until(due)):
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

// finish notes an object that is done and moves the position to where no object before it is being worked on.
func (w *walk) finish(t *task, failed bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.done = true
	w.now.Done++
	if failed {
		w.now.Failed++
	}
	for len(w.pending) > 0 && w.pending[0].done {
		w.now.After = w.pending[0].key
		w.pending = w.pending[1:]
	}
	now := time.Now()
	if w.o.Progress != nil && now.Sub(w.shown) > 200*time.Millisecond {
		w.shown = now
		fmt.Fprintf(w.o.Progress, "\r\x1b[K%s%d done, %d failed", w.title, w.now.Done, w.now.Failed)
	}
	if w.o.Resume != "" && now.Sub(w.saved) > time.Second {
		w.saved = now
		return w.save()
	}
	return nil
}

// uploadBegan notes an upload before it gets its first part.
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
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLine()
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

func (w *walk) endLine() {
	if w.o.Progress != nil && !w.shown.IsZero() {
		fmt.Fprint(w.o.Progress, "\r\x1b[K")
	}
}

// save writes the resume file in one step.
func (w *walk) save() error {
	text, err := json.Marshal(w.now)
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.o.Resume+".new", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the resume file: %w", err)
	}
	return os.Rename(w.o.Resume+".new", w.o.Resume)
}
