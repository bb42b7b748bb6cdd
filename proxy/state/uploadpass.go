package state

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// A pass goes once over the names of open uploads and over all that belongs to uploads, bucket by bucket, and brings
// them together: an open upload without its name gets it, a name without an open upload goes. With a janitor, what
// ended uploads have left goes too.
//
//	(open uploads + upload records + part records) / 1000 listings
//	+ a request for each record that has neither a name nor the length of an ended one
//
// careful reads, moreover, every record that isn't in the cache as it is now: an earlier release, which knows no names,
// may have changed it.
type pass struct {
	s       *State
	careful bool
	janitor *Janitor // nil: nothing is removed but names that are wrong

	work   *errgroup.Group
	within context.Context
}

// A dir is all there is of one upload.
type dir struct {
	bucket, hash string
	record       *listed // of the upload; nil if there is none
	open         *openName
	openListed   *listed   // the object that has the name
	parts        bool      // there are part records or stashes
	newest       time.Time // of all of these
}

func (d *dir) prefix() string { return uploadPrefix + d.bucket + "/" + d.hash + "/" }

// run goes over what lies below the two prefixes: those of one bucket, or of all.
func (p *pass) run(ctx context.Context, records, names string) error {
	s := p.s
	p.work, p.within = errgroup.WithContext(ctx)
	p.work.SetLimit(readAtOnce)
	err := p.walk(ctx, s.walk(records, ""), s.walk(names, ""))
	return errors.Join(err, p.work.Wait())
}

func (p *pass) walk(ctx context.Context, records, names *walk) error {
	for {
		record, err := records.peek(ctx)
		if err != nil {
			return err
		}
		name, err := names.peek(ctx)
		if err != nil {
			return err
		}
		bucket := ""
		for _, first := range []struct {
			o      *listed
			prefix string
		}{{record, uploadPrefix}, {name, openPrefix}} {
			if first.o == nil {
				continue
			}
			b, _, _ := strings.Cut(strings.TrimPrefix(first.o.name, first.prefix), "/")
			// Both listings have the buckets in the order of their names followed by a slash.
			if bucket == "" || b+"/" < bucket+"/" {
				bucket = b
			}
		}
		if bucket == "" {
			return nil
		}
		if err := p.bucket(ctx, bucket, records, names); err != nil {
			return err
		}
	}
}

// bucket takes from both walks what is one bucket's.
func (p *pass) bucket(ctx context.Context, bucket string, records, names *walk) error {
	type named struct {
		o      *openName
		listed *listed
	}
	open := make(map[string]named) // by the hash in the record's name
	for {
		l, err := names.peek(ctx)
		if err != nil {
			return err
		}
		if l == nil || !strings.HasPrefix(l.name, openPrefix+bucket+"/") {
			break
		}
		o, err := p.s.parseOpenName(bucket, l.name)
		if err != nil && p.janitor != nil { // a name that isn't ours must not keep all other uploads from being swept
			p.janitor.fail(err)
			_, _ = names.next(ctx)
			continue
		}
		if err != nil {
			return err
		}
		kept := *l
		open[hex.EncodeToString(o.record[:])] = named{o, &kept}
		_, _ = names.next(ctx)
	}
	var d *dir
	finish := func() {
		if d == nil {
			return
		}
		if n, ok := open[d.hash]; ok {
			d.open, d.openListed = n.o, n.listed
			delete(open, d.hash)
		}
		p.decide(d)
		d = nil
	}
	for {
		l, err := records.peek(ctx)
		if err != nil {
			return err
		}
		rest, ok := "", false
		if l != nil {
			rest, ok = strings.CutPrefix(l.name, uploadPrefix+bucket+"/")
		}
		if !ok {
			break
		}
		hash, what, _ := strings.Cut(rest, "/")
		if d != nil && d.hash != hash {
			finish()
		}
		if d == nil {
			d = &dir{bucket: bucket, hash: hash}
		}
		if l.modified.After(d.newest) {
			d.newest = l.modified
		}
		if what == uploadRecord {
			kept := *l
			d.record = &kept
		} else {
			d.parts = true
		}
		_, _ = records.next(ctx)
	}
	finish()
	for hash, n := range open {
		p.decide(&dir{bucket: bucket, hash: hash, open: n.o, openListed: n.listed, newest: n.listed.modified})
	}
	return nil
}

// decide has the upload settled, while others are.
func (p *pass) decide(d *dir) {
	age := p.s.o.Now().Sub(d.newest)
	look := p.janitor != nil && d.record != nil && d.open != nil && p.janitor.due(d)
	switch {
	case d.record == nil: // written while the upload was being removed, or before its record
		if p.janitor != nil && age >= p.s.leftoverAge() {
			p.do(func(ctx context.Context) error { return p.settle(ctx, d, false) })
		}
	case d.open != nil && !look && p.isOpen(d):
	case d.open == nil && (ended(d.record.size) && !p.careful || p.known(d) != "" && p.known(d) != UploadOpen):
		if p.janitor != nil && (age >= p.s.leftoverAge() || d.parts && age >= p.s.leftoverPause()) {
			p.do(func(ctx context.Context) error { return p.settle(ctx, d, look) })
		}
	default:
		p.do(func(ctx context.Context) error { return p.settle(ctx, d, look) })
	}
}

func (p *pass) do(f func(ctx context.Context) error) {
	p.work.Go(func() error {
		if err := p.within.Err(); err != nil {
			return err
		}
		err := f(p.within)
		if err != nil && p.janitor != nil && p.within.Err() == nil {
			p.janitor.fail(err) // goes on to the other uploads
			return nil
		}
		return err
	})
}

// isOpen reports whether nothing says that an upload with a name has ended.
func (p *pass) isOpen(d *dir) bool {
	if p.careful {
		return p.known(d) == UploadOpen
	}
	return !ended(d.record.size)
}

// known is the state of an upload whose record, as it is listed, is in the cache.
func (p *pass) known(d *dir) string {
	if c, ok := p.s.uploads.Peek(d.prefix() + uploadRecord); ok && c.etag == d.record.etag {
		return c.upload.State
	}
	return ""
}

// settle reads an upload's record and does what is to be done.
func (p *pass) settle(ctx context.Context, d *dir, look bool) error {
	s := p.s
	u, _, err := s.uploadByName(ctx, d.prefix()+uploadRecord)
	switch {
	case errors.Is(err, ErrNoUpload) && d.record == nil: // the listing was right: nothing is removed on its word alone
		return p.janitor.remove(ctx, d)
	case errors.Is(err, ErrNoUpload):
		return nil // removed meanwhile; what is left is the next sweep's
	case err != nil:
		return err
	case u.State != UploadOpen:
		if d.openListed != nil {
			if err := s.objects.Delete(ctx, d.openListed.name); err != nil {
				return fmt.Errorf("remove the name of an upload that has ended: %w", err)
			}
		}
		switch {
		case p.janitor == nil:
			return nil
		case s.o.Now().Sub(u.Ended) >= s.leftoverAge():
			return p.janitor.remove(ctx, d)
		case d.parts && s.o.Now().Sub(u.Ended) >= s.leftoverPause():
			return s.removeParts(ctx, d.prefix())
		}
		return nil
	case d.open == nil:
		return s.nameUpload(ctx, u)
	case look:
		return p.janitor.look(ctx, d, u)
	}
	return nil
}

// nameUpload gives an open upload its name. Whoever ends it meanwhile changes its record first and removes its name
// then; so the record is read once more, and says whether that removal may have come too early.
func (s *State) nameUpload(ctx context.Context, u *Upload) error {
	name := s.openName(u)
	if err := s.putName(ctx, name); err != nil {
		return fmt.Errorf("name an open upload: %w", err)
	}
	now, _, err := s.uploadByName(ctx, uploadDir(u.Bucket, u.ID)+uploadRecord)
	if errors.Is(err, ErrNoUpload) || err == nil && now.State != UploadOpen {
		return s.objects.Delete(ctx, name)
	}
	return err
}
