package objects

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"sealfront/crypto"
)

// ReadWhole reads all stored bytes of an opened object from body, which it closes, and checks each: the segments, the
// padding and the trailer. Every segment's plaintext is given to plaintext once its tag has been checked, and belongs
// to ReadWhole again when that returns; nil drops it. What isn't right is a *Damage; one of kind padding was found when
// all plaintext had been given.
//
// It takes a segment and the object's end in memory, at most 1.2 MB.
func (x *Object) ReadWhole(o *Opened, body Body, plaintext func([]byte) error) error {
	if o.Length == 0 {
		body.Close()
		return nil
	}
	r := new(Reader)
	r.begin(x, body, o, 0, o.Length-1, 0)
	defer r.Close()
	for {
		segment, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && plaintext != nil {
			err = plaintext(segment)
		}
		if err != nil {
			return o.locate(err, o.Length-r.left)
		}
	}
	return x.readEndOfWhole(o, body)
}

// locate says of a damaged segment where it is. at is the place of its first byte in the plaintext.
func (o *Opened) locate(err error, at int64) error {
	d, ok := errors.AsType[*Damage](err)
	if !ok || d.Kind != "segment" {
		return err
	}
	for i := range o.layout.Parts() {
		if part := o.layout.Part(i); at < part.Plain+part.Length {
			index := (at - part.Plain) / crypto.SegmentSize
			return o.badSegment(d, i, index, part.Stored+index*crypto.SealedSegmentSize)
		}
	}
	return err
}

func (o *Opened) badSegment(d *Damage, part int, index, stored int64) error {
	reason := fmt.Sprintf("segment %d of part %d, at stored byte %d, does not open", index, part+1, stored)
	return &Damage{Kind: d.Kind, Reason: reason, err: d.err}
}

// readEndOfWhole checks what follows the last byte of plaintext: the segment of a last part without bytes, padding and
// trailer.
func (x *Object) readEndOfWhole(o *Opened, body io.Reader) error {
	i := o.layout.Parts() - 1
	last := o.layout.Part(i)
	at := last.Stored + last.SealedLength
	if last.Length == 0 {
		segment := make([]byte, last.SealedLength)
		if _, err := io.ReadFull(body, segment); err != nil {
			return x.readFailed(err)
		}
		if _, err := o.Secrets.DataKey.NewOpener(&last.Salt).Open(segment, 0, true); err != nil {
			return o.badSegment(x.badSegment(err), i, 0, last.Stored)
		}
	}
	rest := make([]byte, o.total-at)
	if _, err := io.ReadFull(body, rest); err != nil {
		return x.readFailed(err)
	}
	t, _, err := o.Secrets.DataKey.OpenTrailer(&o.Envelope.ObjectID, o.total, rest)
	switch {
	case err != nil:
		return x.badTrailer(err)
	case t == nil:
		return x.damage("trailer", "its trailer is longer than what follows its parts")
	}
	if err := x.checkParts(o.Sealed, t); err != nil {
		return err
	}
	if !sameLayout(o.layout, t.Layout()) || o.trailer != nil && !slices.Equal(o.trailer.Parts, t.Parts) {
		return x.damage("trailer", "the store shows two trailers of it")
	}
	o.trailer = t
	padding := rest[:int64(len(rest))-t.SealedLength()]
	if i := bytes.IndexFunc(padding, func(r rune) bool { return r != 0 }); i >= 0 {
		return x.damage("padding", "stored byte %d is padding and not zero; no reader looks at it", at+int64(i))
	}
	return nil
}

func sameLayout(a, b *crypto.Layout) bool {
	if a.Parts() != b.Parts() {
		return false
	}
	for i := range a.Parts() {
		if a.Part(i) != b.Part(i) {
			return false
		}
	}
	return true
}
