package crypto

// Sizes of the format, in bytes.
const (
	SegmentSize = 65536 // plaintext of a full segment
	TagSize     = 16    // what sealing adds to a segment

	MinPartSize = 5 << 20 // least plaintext of a part that isn't the last
	MaxParts    = 10000

	MaxPart      = 5367398400 // most whole segments of a part whose sealed form fits a store's part of 5 GiB
	MaxPart10000 = 5366218752 // the same where the object's end shares the store's part (number 10,000)
	MaxObjectPut = 5367283856 // most plaintext of an object whose stored form fits one PUT or store-side copy of 5 GiB

	// MaxObject is the most plaintext that legal parts can carry.
	MaxObject = (MaxParts-1)*MaxPart + MaxPart10000

	// perPart and perObject are what the stored length grants a possible part and the object for short segments,
	// padding, trailer record and tail.
	perPart   = 112
	perObject = 192
)

// StoredLength returns the size of a sealed object in the store from its plaintext length, for every legal way to cut
// it into parts:
//
//	stored(P) = P + 16·⌈P/S⌉ + 112·min(10,000, ⌊P/M⌋+1) + 192        stored(0) = 0
//
// It is strictly increasing. It returns -1 if plain is negative or greater than MaxObject.
// Source: FORMAT.md, "Length".
func StoredLength(plain int64) int64 {
	switch {
	case plain == 0:
		return 0
	case plain < 0 || plain > MaxObject:
		return -1
	}
	return plain + lengthOverhead(plain)
}

// PlainLength is the inverse of StoredLength: the plaintext length of an object from its size in the store. ok is false
// for a size that no sealed object has; such an object is damaged or was never sealed.
func PlainLength(stored int64) (plain int64, ok bool) {
	if stored == 0 {
		return 0, true
	}
	if stored < 0 || stored > MaxObject+lengthOverhead(MaxObject) {
		return 0, false
	}
	// The overhead never falls as the length grows, so too much overhead gives a bound from below and that bound's
	// overhead one from above; they are some hundred bytes apart at most, but for the largest objects.
	low := stored - lengthOverhead(stored)
	high := stored - lengthOverhead(max(low, 1))
	low = max(low, 1)
	for low < high {
		middle := low + (high-low)/2
		if middle+lengthOverhead(middle) < stored {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low > high || low+lengthOverhead(low) != stored {
		return 0, false
	}
	return low, true
}

// SealedLength returns the stored size of one part's segments with their tags. A part of length 0 is one empty segment.
func SealedLength(part int64) int64 {
	return part + TagSize*max(1, segments(part))
}

func lengthOverhead(plain int64) int64 {
	return TagSize*segments(plain) + perPart*possibleParts(plain) + perObject
}

// possibleParts is the largest number of parts that plain bytes can legally be cut into.
func possibleParts(plain int64) int64 {
	return min(MaxParts, plain/MinPartSize+1)
}

func segments(plain int64) int64 {
	return (plain + SegmentSize - 1) / SegmentSize
}
