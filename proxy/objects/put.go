package objects

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// WholeLimit is the size up to which a body is taken in whole before anything is sent to the store: its trailing
// checksum is then known in time for the envelope, so that reads need no trailer.
const WholeLimit = 256 << 10

// Send seals the body as the request's decision says and puts the object: read into memory when it is small, otherwise
// as a stream. The caller reads and closes the answer.
func (p *Put) Send(ctx context.Context, describe func(r *store.Request, envelope []byte) error) (*store.Answer, error) {
	x, length := p.object, p.body.Size()
	use, err := x.sealingKey(ctx, p.encryption)
	if err != nil {
		return nil, fmt.Errorf("get a bucket key for %s: %w", x.Bucket, err)
	}
	defer use.Release()
	dataKey, objectID, partSalt := crypto.NewObject()
	p.secrets = crypto.Secrets{DataKey: dataKey, HasLength: true, Length: length}
	defer p.secrets.Wipe()
	p.envelope = newEnvelope(objectID, p.encryption, use, x.keyOf(p.encryption))
	p.envelope.Copied = p.copied
	if length > 0 {
		p.envelope.PartSalt = partSalt
	}
	r := &p.scratch.Request
	*r = store.Request{Operation: "PutObject", Method: "PUT", Bucket: x.Record.StoreName, Key: x.Key}
	if length <= WholeLimit {
		// Metadata is refused before the body is read, so this envelope only has the size of the final one.
		longest := crypto.SHA256
		if p.Algorithm.Size() > longest.Size() {
			longest = p.Algorithm
		}
		size := min(p.envelope.TextSize(longest), len(room))
		if err := describe(r, room[:size]); err != nil {
			return nil, err
		}
		buffer, sealed, err := p.sealWhole()
		defer putWholeBody(buffer)
		if err != nil {
			return nil, err
		}
		r.Bytes = sealed
	} else {
		r.Length = crypto.StoredLength(length)
		r.Body = &sealWriter{
			body: p.body, sealer: p.secrets.DataKey.NewSealer(&p.envelope.PartSalt), finished: p.finish, end: p.end,
		}
		p.secrets.Checksum = p.Precomputed
	}
	envelope, err := p.envelope.AppendWrapped(p.scratch.envelope[:0], x.place(), use, p.secrets)
	if err != nil {
		return nil, fmt.Errorf("seal the envelope: %w", err)
	}
	p.scratch.envelope = envelope
	if p.commit != nil {
		if ctx, err = p.commit(ctx); err != nil {
			return nil, err
		}
	}
	if r.Header != nil {
		r.Replace(x.Objects.o.MetadataHeader, envelope)
	} else if err := describe(r, envelope); err != nil {
		return nil, err
	}
	if p.inParts && r.Body != nil {
		p.made, err = p.sendInParts(ctx, r)
		return nil, err
	}
	return x.Objects.o.Store.Do(ctx, r)
}

// room has the size of an envelope that isn't known yet. It is read only.
var room [crypto.MaxEnvelopeText]byte

// Scratch is memory that successive puts reuse. The zero value is ready.
type Scratch struct {
	put      Put
	Request  store.Request // that puts or gets the object
	envelope []byte        // its text form
}

// Used reports whether Forget has something to drop.
func (s *Scratch) Used() bool { return s.Request.Method != "" }

// Forget drops what the last request left. The envelope's memory stays.
func (s *Scratch) Forget() { s.put, s.Request = Put{}, store.Request{} }

// NewPut begins to put x, sealed as e says, with body. It is the scratch's, until the next one.
func (s *Scratch) NewPut(x *Object, e policy.Encryption, body Plaintext, start time.Time) *Put {
	s.put = Put{object: x, encryption: e, scratch: s, start: start, body: body}
	return &s.put
}

// Put is an object on its way to the store.
type Put struct {
	object      *Object
	encryption  policy.Encryption
	scratch     *Scratch
	start       time.Time // of the request
	body        Plaintext
	Precomputed *crypto.Checksum // of the body, where it is known before the body is read
	copied      bool             // the object is a copy
	Algorithm   crypto.Algorithm // of the checksum that finish returns
	// commit, unless nil, is called before the object is sent, under the context that it returns.
	commit       func(ctx context.Context) (context.Context, error)
	inParts      bool // sendInParts sends a streamed body and sets made; Send returns no answer then
	made         *WriteResult
	envelope     crypto.Envelope
	secrets      crypto.Secrets
	Checksum     *crypto.Checksum
	trailerValue crypto.Trailer // the memory of trailer's result
	part         [1]crypto.Part
}

// wholeBody is the memory of a body that isn't streamed: its sealed segments and the trailer behind them.
type wholeBody struct {
	memory  []byte
	touched int // how much of it held plaintext
	size    int // index of its pool
}

const wholeSize = WholeLimit + WholeLimit/crypto.SegmentSize*crypto.TagSize + 2048

// smallest is the plaintext that the smallest memory of a whole body has room for; each further size is twice as large,
// up to a segment. A small body holds little while it waits for its client or for the store, since thousands may wait.
const smallest = 4 << 10

// wholeRoom is the size of the memory for a body of at most length bytes.
func wholeRoom(length int64) int {
	if length > crypto.SegmentSize {
		return wholeSize
	}
	return int(length) + crypto.TagSize + 2048
}

// wholeBodies are pools by size: of smallest, of twice that, and so on up to a segment; the last is for all larger
// ones.
var wholeBodies [6]sync.Pool

func getWholeBody(length int64) *wholeBody {
	size, room := 0, int64(smallest)
	for ; length > room && size < len(wholeBodies)-1; size++ {
		room *= 2
	}
	if w, ok := wholeBodies[size].Get().(*wholeBody); ok {
		return w
	}
	return &wholeBody{memory: make([]byte, wholeRoom(room)), size: size}
}

// putWholeBody wipes what may still be plaintext and gives the memory back.
func putWholeBody(w *wholeBody) {
	clear(w.memory[:w.touched])
	w.touched = 0
	wholeBodies[w.size].Put(w)
}

// sealWhole reads the whole body, checks it, and seals it. The sealed object lies in the returned memory.
func (p *Put) sealWhole() (w *wholeBody, sealed []byte, err error) {
	length := p.body.Size()
	w = getWholeBody(length)
	// Each segment is read to where it will lie with the tags of those before it.
	for done, at := int64(0), 0; done < length; {
		n := int(min(length-done, crypto.SegmentSize))
		w.touched = at + n
		if err := p.body.Fill(w.memory[at : at+n]); err != nil {
			return w, nil, err
		}
		done += int64(n)
		at += n + crypto.TagSize
	}
	if p.Checksum, err = p.body.Finish(); err != nil {
		return w, nil, err
	}
	p.secrets.Checksum = p.Checksum
	if length == 0 {
		return w, []byte{}, nil
	}
	sealer := p.secrets.DataKey.NewSealer(&p.envelope.PartSalt)
	at := 0
	for done := int64(0); done < length; {
		n := int(min(length-done, crypto.SegmentSize))
		done += int64(n)
		at += len(sealer.Seal(w.memory[at:], n, done == length))
	}
	w.touched = 0
	end, err := p.appendEnd(w.memory[:at])
	if err != nil {
		return w, nil, err
	}
	return w, end, nil
}

// trailer describes the object's one part.
func (p *Put) trailer() *crypto.Trailer {
	p.part[0] = crypto.Part{Length: p.body.Size(), Salt: p.envelope.PartSalt}
	p.trailerValue = crypto.Trailer{Length: p.body.Size(), Checksum: p.Checksum, Parts: p.part[:]}
	return &p.trailerValue
}

// appendEnd appends padding, trailer and tail.
func (p *Put) appendEnd(dst []byte) ([]byte, error) {
	t := p.trailer()
	dst = append(dst, make([]byte, t.Padding())...)
	return p.secrets.DataKey.AppendTrailer(dst, &p.envelope.ObjectID, t)
}

// finish takes the checksum of a streamed body that has been found right.
func (p *Put) finish(c *crypto.Checksum) { p.Checksum = c }

// end is what follows the last segment of a streamed body.
func (p *Put) end() (io.Reader, error) {
	return p.secrets.DataKey.NewEnd(&p.envelope.ObjectID, p.trailer())
}

// A sealWriter is the body of a store request that seals a client's body on its way: it reads a segment, seals it in
// place, and writes it from there. The last segment is held back until the client's body has been checked, so that
// what fails a check never becomes visible.
type sealWriter struct {
	body     Plaintext
	sealer   *crypto.Sealer
	finished func(*crypto.Checksum)    // gets the checksum once the body has been checked
	end      func() (io.Reader, error) // what follows the last segment; nil: nothing
}

// A Plaintext is plaintext of a declared length.
type Plaintext interface {
	// size is the declared length in bytes.
	Size() int64
	// fill reads exactly the next len(p) bytes.
	Fill(p []byte) error
	// finish reads the end, checks everything, and returns the checksum.
	Finish() (*crypto.Checksum, error)
}

// WriteTo writes the sealed segments and what follows them.
func (s *sealWriter) WriteTo(w io.Writer) (written int64, err error) {
	slab := crypto.GetSlab()
	touched := 0
	defer func() { crypto.PutSlab(slab, touched) }()
	memory := slab.Body()
	length := s.body.Size()
	for !s.sealer.Done() {
		n := int(min(length-s.sealer.Length(), crypto.SegmentSize))
		last := s.sealer.Length()+int64(n) == length
		touched = crypto.SegmentSize
		if err := s.body.Fill(memory[:n]); err != nil {
			return written, err
		}
		if last {
			checksum, err := s.body.Finish()
			if err != nil {
				return written, err
			}
			s.finished(checksum)
		}
		sealed := s.sealer.Seal(memory, n, last)
		touched = 0
		m, err := w.Write(sealed)
		written += int64(m)
		if err != nil {
			return written, err
		}
	}
	if s.end == nil {
		return written, nil
	}
	end, err := s.end()
	if err != nil {
		return written, err
	}
	m, err := copyThrough(w, end, memory)
	return written + m, err
}

// copyThrough copies r to w through memory, in pieces as large as it.
func copyThrough(w io.Writer, r io.Reader, memory []byte) (written int64, err error) {
	for {
		n, readErr := io.ReadFull(r, memory)
		if n > 0 {
			m, err := w.Write(memory[:n])
			written += int64(m)
			if err != nil {
				return written, err
			}
		}
		switch readErr {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return written, nil
		default:
			return written, readErr
		}
	}
}

// WriteFault translates the store's refusal of a write, with the condition that failed.
func (x *Object) WriteFault(f *store.Fault, a *Conditions) error {
	e := StoreError(f, x.Bucket, x.Key)
	switch {
	case f.Code == "InvalidStorageClass":
		return s3.Refuse("InvalidStorageClass", "The storage class you specified is not valid",
			"StorageClassRequested", a.StorageClass).Because(f)
	case e.Code == "PreconditionFailed" && a.NoneMatch != "":
		e.Elements = append(e.Elements, s3.Element{Name: "Condition", Value: "If-None-Match"})
	case e.Code == "PreconditionFailed" && a.Match != "":
		e.Elements = append(e.Elements, s3.Element{Name: "Condition", Value: "If-Match"})
	}
	return e
}

// Conditions has a client's conditions on the object that it writes, and what else the store may refuse the write for.
type Conditions struct {
	Match        string // If-Match, in the store's form; "" for none
	NoneMatch    string // If-None-Match; "" for none
	StorageClass string // storage class; "" for the default
}

func (a *Conditions) conditional() bool { return a.Match != "" || a.NoneMatch != "" }

// Set puts the conditions onto the store's request.
func (a *Conditions) Set(r *store.Request) {
	if a.Match != "" {
		r.Set("If-Match", a.Match)
	}
	if a.NoneMatch != "" {
		r.Set("If-None-Match", a.NoneMatch)
	}
}
