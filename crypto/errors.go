package crypto

// Error is what this package answers to the world. The values below are the only ones; they come wrapped with what was
// tried, so compare with errors.Is, or take the code with errors.As. None of them holds a secret or a byte of
// plaintext.
type Error struct {
	code string
	text string
}

// Error returns the text, for logs.
func (e *Error) Error() string { return "crypto: " + e.text }

// S3Code names the S3 error that a client sees: InvalidObjectState, InternalError or MetadataTooLarge.
func (e *Error) S3Code() string { return e.code }

// The faults, from "this was never ours" to "somebody changed it".
var (
	// ErrNotSealed: the object carries no envelope at all.
	ErrNotSealed = &Error{"InvalidObjectState", "object is not sealed"}
	// ErrVersion: a format, suite or checksum algorithm that this package doesn't know; a newer writer, or damage.
	ErrVersion = &Error{"InternalError", "unknown format version"}
	// ErrFormat: not what Append writes; nothing in it was used.
	ErrFormat = &Error{"InternalError", "malformed"}
	// ErrDamaged: sizes that cannot belong together: a stored size outside StoredLength's image, a cut end.
	ErrDamaged = &Error{"InternalError", "sizes do not belong together"}
	// ErrTampered: a tag or a commitment that doesn't match: other bytes, another place, another key.
	ErrTampered = &Error{"InternalError", "authentication failed"}
	// ErrPartition: parts that no legal upload has: too many, too small before the last, too large, or all empty.
	ErrPartition = &Error{"InternalError", "parts of an illegal size or number"}
	// ErrTooLarge: an envelope, or its place, beyond the format's bounds.
	ErrTooLarge = &Error{"MetadataTooLarge", "envelope larger than the format allows"}
	// ErrLongETag: a store's ETag that doesn't fit into a part record's name.
	ErrLongETag = &Error{"InternalError", "store ETag too long for a part record"}
	// ErrZeroKey: a bucket key of zeros was about to be used; it has been wiped, or was never there.
	ErrZeroKey = &Error{"InternalError", "bucket key is all zeros"}
)
