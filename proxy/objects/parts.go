package objects

import (
	"context"
	"strconv"

	"sealfront/crypto"
	"sealfront/proxy/s3"
)

// A Part is one of an object's, as a read by its number finds it.
type Part struct {
	First, Last int64            // in the plaintext; last is first-1 for a part without bytes
	Count       int              // parts of the object; 0 for an object that shows none
	Checksum    *crypto.Checksum // of the part, where checksums of parts count; nil otherwise
}

// Part finds a part by its number, with its checksum if that is wanted: rows RD-4 and RD-5. Numbers count the object's
// parts from 1, whatever numbers they were uploaded with. A copy shows no parts: it is one.
func (x *Object) Part(ctx context.Context, o *Opened, number int, checksum bool) (*Part, error) {
	count := 1
	shown := o.ShowsParts()
	if shown {
		count = o.layout.Parts()
	}
	switch {
	case number > count:
		return nil, s3.Refuse("InvalidPartNumber", "The requested partnumber is not satisfiable",
			"ActualPartCount", strconv.Itoa(count), "PartNumberRequested", strconv.Itoa(number))
	case !shown:
		return &Part{Last: o.Length - 1}, nil
	}
	placed := o.layout.Part(number - 1)
	p := &Part{First: placed.Plain, Last: placed.Plain + placed.Length - 1, Count: count}
	if checksum {
		t, err := x.TrailerOf(ctx, o)
		if err != nil {
			return nil, err
		}
		if c := t.Checksum; c != nil && c.Type == crypto.Composite {
			p.Checksum = t.Parts[number-1].Checksum()
		} // otherwise it was made to be combined, and is none of the full object
	}
	return p, nil
}

// ShowsParts reports whether clients see the parts of which the object was made.
func (o *Opened) ShowsParts() bool {
	return o.Envelope.Multipart && !o.Envelope.Copied && o.layout != nil
}
