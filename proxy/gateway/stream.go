package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"sealfront/crypto"
	"sealfront/proxy/conn"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// A download is an object's plaintext on its way to the client. It owns the store's answer, the data key, and the
// exchange until Close.
type download struct {
	x       *exchange
	answer  *store.Answer
	secrets crypto.Secrets
	opener  *crypto.SpanOpener
	slab    *crypto.Slab
	skip    int64  // stored bytes in front of the span
	rest    []byte // opened, not delivered yet
	touched int    // the most plaintext that the slab has held
	err     error
}

// newDownload prepares the plaintext bytes first to last. The answer must hold their segments.
func (x *exchange) newDownload(a *store.Answer, o *opened, first, last int64) (*download, error) {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	got := crypto.Span{First: o.first, Last: o.last}
	if !got.Covers(span) {
		return nil, s3.Internal(fmt.Errorf("the store answered bytes %d-%d where %d-%d were needed", o.first, o.last, span.First, span.Last))
	}
	if a.Length != o.last-o.first+1 {
		return nil, s3.Internal(fmt.Errorf("the store announced %d bytes for the range %d-%d", a.Length, o.first, o.last))
	}
	if skipped := span.First - o.first; skipped > 0 && a.Status == http.StatusOK {
		return nil, s3.Internal(errors.New("the store ignored the range"))
	}
	return &download{
		x: x, answer: a, secrets: o.secrets, opener: o.secrets.DataKey.OpenSpan(o.layout, first, last),
		slab: crypto.GetSlab(), skip: span.First - o.first,
	}, nil
}

// next opens the next segment into rest; io.EOF after the last.
func (d *download) next() error {
	if d.err != nil {
		return d.err
	}
	d.err = d.advance()
	if d.err != nil && !errors.Is(d.err, io.EOF) {
		// The status is out: all that can be done is that the client doesn't take the body for complete.
		d.rest = nil
		d.x.breakOff()
	}
	return d.err
}

func (d *download) advance() error {
	memory := d.slab.Body()
	for d.skip > 0 {
		n := min(d.skip, int64(len(memory)))
		if _, err := io.ReadFull(d.answer, memory[:n]); err != nil {
			return fmt.Errorf("read %s/%s from the store: %w", d.x.bucket, d.x.key, err)
		}
		d.skip -= n
	}
	size := d.opener.Next()
	if size == 0 {
		return io.EOF
	}
	if _, err := io.ReadFull(d.answer, memory[:size]); err != nil {
		return fmt.Errorf("read %s/%s from the store: %w", d.x.bucket, d.x.key, err)
	}
	plain, err := d.opener.Open(memory[:size])
	if err != nil {
		d.x.g.damaged("segment")
		return fmt.Errorf("open %s/%s: %w", d.x.bucket, d.x.key, err)
	}
	d.touched = max(d.touched, size-crypto.TagSize)
	d.rest = plain
	return nil
}

// Read delivers plaintext; fasthttp uses WriteTo instead.
func (d *download) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	d.x.plainOut += int64(n)
	return n, nil
}

// SupportsBodyWriteTo tells fasthttp to use WriteTo.
func (d *download) SupportsBodyWriteTo() bool { return true }

// WriteTo writes each segment from where it was opened.
func (d *download) WriteTo(w io.Writer) (written int64, err error) {
	for {
		if len(d.rest) == 0 {
			if err := d.next(); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return written, err
			}
		}
		n, err := w.Write(d.rest)
		written += int64(n)
		d.x.plainOut += int64(n)
		d.rest = nil
		if err != nil {
			d.err = unread(err)
			return written, err
		}
	}
}

// unread is a client that didn't take what it asked for: no failure of ours.
func unread(err error) *s3.Error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return s3.RequestTimeout(err)
	}
	return s3.ClientLeft(err)
}

// delivered reports whether all has been written.
func (d *download) delivered() bool { return len(d.rest) == 0 && d.opener.Next() == 0 }

// Close gives everything back and ends the exchange.
func (d *download) Close() error {
	if d.slab == nil {
		return nil
	}
	d.answer.Close()
	d.secrets.Wipe()
	crypto.PutSlab(d.slab, d.touched)
	d.slab = nil
	switch {
	case errors.Is(d.err, io.EOF), d.err == nil && d.delivered():
		d.x.finish("", nil)
		return nil
	case d.err == nil: // not even the head could be written
		d.err = s3.ClientLeft(nil)
	}
	e := answerTo(d.err)
	d.x.finish(e.Code, e)
	return nil
}

// breakOff makes sure that what the client has so far doesn't look complete.
func (x *exchange) breakOff() {
	x.ctx.Response.Header.SetConnectionClose()
	conn.Abort(x.ctx.Conn())
}
