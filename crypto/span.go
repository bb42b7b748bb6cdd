package crypto

// Span is a range of bytes in the store, both ends included, as in a Range header.
type Span struct{ First, Last int64 }

// Length returns the number of stored bytes.
func (s Span) Length() int64 { return s.Last - s.First + 1 }

// Covers says whether all bytes of needed lie in s.
func (s Span) Covers(needed Span) bool { return s.First <= needed.First && needed.Last <= s.Last }

// Span returns the stored bytes that hold the plaintext bytes first to last, both included: whole segments, without
// gaps. It returns ErrDamaged unless 0 ≤ first ≤ last < Length.
func (l *Layout) Span(first, last int64) (Span, error) {
	if err := l.holds(first, last); err != nil {
		return Span{}, err
	}
	return Span{l.segmentStart(first), l.segmentEnd(last) - 1}, nil
}

// GuessSpan is Span for a multipart object whose layout isn't known yet, from its plaintext length alone. It's right
// when all parts but the last are multiples of SegmentSize, as the default part sizes of SDKs are. Once the layout is
// there, the guess has served if it Covers the layout's own Span: skip the bytes in front and ignore those after.
func GuessSpan(plain, first, last int64) (Span, error) {
	one := Layout{[]placedPart{{plainEnd: plain, storedEnd: SealedLength(plain)}}}
	return one.Span(first, last)
}

// segmentStart returns the stored offset of the segment that holds the plaintext byte at offset.
func (l *Layout) segmentStart(offset int64) int64 {
	plain, stored := l.start(l.find(offset))
	return stored + (offset-plain)/SegmentSize*SealedSegmentSize
}

// segmentEnd returns the stored offset after the segment that holds the plaintext byte at offset.
func (l *Layout) segmentEnd(offset int64) int64 {
	part := l.find(offset)
	plain, stored := l.start(part)
	return min(stored+((offset-plain)/SegmentSize+1)*SealedSegmentSize, l.parts[part].storedEnd)
}

// Step is one stored segment of a walk.
type Step struct {
	Part        int    // ordinal of the part, from 0
	Index       uint64 // of the segment in its part
	Last        bool   // the part's last segment
	Stored      int    // size with tag, in bytes
	Front, Back int    // plaintext bytes to drop from the opened segment's ends
}

// Walk goes over the stored segments of a Span in order. It belongs to one goroutine.
type Walk struct {
	layout      *Layout
	first, last int64
	part        int
	index       uint64
}

// Walk begins at the segment that holds the plaintext byte first, and ends with the one that holds last. A range that
// Span refuses has no segments.
func (l *Layout) Walk(first, last int64) Walk {
	if l.holds(first, last) != nil {
		return Walk{layout: l, first: 0, last: -1}
	}
	part := l.find(first)
	plain, _ := l.start(part)
	return Walk{l, first, last, part, uint64((first - plain) / SegmentSize)}
}

// Next returns the next segment; ok is false after the last one.
func (w *Walk) Next() (step Step, ok bool) {
	if w.part >= len(w.layout.parts) {
		return Step{}, false
	}
	plain, _ := w.layout.start(w.part)
	partEnd := w.layout.parts[w.part].plainEnd
	start := plain + int64(w.index)*SegmentSize
	if start > w.last {
		return Step{}, false
	}
	end := min(start+SegmentSize, partEnd)
	step = Step{
		Part:   w.part,
		Index:  w.index,
		Last:   end == partEnd,
		Stored: int(end-start) + TagSize,
		Front:  int(max(0, w.first-start)),
		Back:   int(max(0, end-1-w.last)),
	}
	w.index++
	if step.Last {
		w.part, w.index = w.part+1, 0
	}
	return step, true
}

// SpanOpener opens the segments of a Span in order and in place, and trims what lies outside of the range. It belongs
// to one goroutine. Its data key must not be wiped before it has come to its end.
type SpanOpener struct {
	key     DataKey
	walk    Walk
	step    Step
	pending bool // step has been announced and not opened
	failed  bool
	part    int // that opener is for, -1 for none
	opener  Opener
}

// OpenSpan returns the opener for the plaintext bytes first to last, both included, of an object laid out as l.
func (k *DataKey) OpenSpan(l *Layout, first, last int64) *SpanOpener {
	return &SpanOpener{key: *k, walk: l.Walk(first, last), part: -1}
}

// Next returns the stored size of the next segment, at most SealedSegmentSize, and 0 when the span has come to its end.
func (o *SpanOpener) Next() int {
	if !o.pending {
		if o.step, o.pending = o.walk.Next(); !o.pending {
			return 0
		}
	}
	return o.step.Stored
}

// Open opens the segment that Next announced, in place, and returns those of its plaintext bytes that are in the range;
// they share segment's memory. It returns ErrTampered, and no plaintext, if the segment isn't whole and authentic, and
// from then on for every segment: nothing that follows a failure is ever released.
func (o *SpanOpener) Open(segment []byte) ([]byte, error) {
	if o.failed || o.Next() != len(segment) || len(segment) == 0 {
		o.failed = true
		return nil, ErrTampered
	}
	if o.part != o.step.Part {
		o.part = o.step.Part
		o.opener = Opener{segmentCipher{aead: o.key.partAEAD(&o.walk.layout.parts[o.part].salt)}}
	}
	plaintext, err := o.opener.Open(segment, o.step.Index, o.step.Last)
	if err != nil {
		o.failed = true
		return nil, err
	}
	o.pending = false
	return plaintext[o.step.Front : len(plaintext)-o.step.Back], nil
}
