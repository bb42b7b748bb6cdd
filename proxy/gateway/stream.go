package gateway

import (
	"errors"
	"io"
	"os"

	"sealfront/crypto"
	"sealfront/proxy/conn"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// A download is an object's plaintext on its way to the client. It owns its reader, the data key, and the exchange
// until Close.
type download struct {
	x       *exchange
	reader  objects.Reader
	secrets crypto.Secrets
	rest    []byte // read, not delivered yet
	err     error
	closed  bool
}

// stream answers with the plaintext bytes first to last of an opened object, from a store's answer that must hold their
// segments. The first segment is opened before anything is said: what fails there is answered, not broken off. Where
// stream succeeds, the store's answer and the secrets are the download's.
func (x *exchange) stream(a *store.Answer, o *objects.Opened, first, last int64) error {
	d := &download{x: x, secrets: o.Secrets}
	if err := x.SetReader(&d.reader, a, o, first, last); err != nil {
		return err
	}
	if err := d.reader.Advance(); err != nil {
		d.reader.Close()
		return err
	}
	x.progress = streaming
	x.ctx.Response.SetBodyStream(d, int(d.reader.Size()))
	return nil
}

// fetch reads on if nothing is left.
func (d *download) fetch() error {
	if len(d.rest) > 0 || d.err != nil {
		return d.err
	}
	d.rest, d.err = d.reader.Next()
	if d.err != nil && !errors.Is(d.err, io.EOF) {
		// The status is out: all that can be done is that the client doesn't take the body for complete.
		d.x.breakOff()
	}
	return d.err
}

// Read delivers plaintext; fasthttp uses WriteTo instead.
func (d *download) Read(p []byte) (int, error) {
	if err := d.fetch(); err != nil {
		return 0, err
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	d.x.account.out += int64(n)
	return n, nil
}

// SupportsBodyWriteTo has fasthttp use WriteTo.
func (d *download) SupportsBodyWriteTo() bool { return true }

// WriteTo writes each segment from where it was opened.
func (d *download) WriteTo(w io.Writer) (written int64, err error) {
	for {
		if err := d.fetch(); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return written, err
		}
		n, err := w.Write(d.rest)
		written += int64(n)
		d.x.account.out += int64(n)
		d.rest = nil
		if err != nil {
			d.err = unread(err)
			return written, err
		}
	}
}

// unread is a client that didn't take what it wanted: no failure of ours.
func unread(err error) *s3.Error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return s3.RequestTimeout(err)
	}
	return s3.ClientLeft(err)
}

// Close gives everything back and ends the exchange.
func (d *download) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	delivered := len(d.rest) == 0 && d.reader.Done()
	d.reader.Close()
	d.secrets.Wipe()
	switch {
	case errors.Is(d.err, io.EOF), d.err == nil && delivered:
		d.x.finish("", nil)
		return nil
	case d.err == nil: // not even the head could be written
		d.err = s3.ClientLeft(nil)
	}
	e := objects.Translate(d.err)
	d.x.finish(e.Code, e)
	return nil
}

// breakOff makes sure that what the client has so far doesn't look complete.
func (x *exchange) breakOff() {
	x.ctx.Response.Header.SetConnectionClose()
	conn.Abort(x.ctx.Conn())
}
