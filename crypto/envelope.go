package crypto

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// SSE is how the object is encrypted in S3's sense. The numbers are part of the format.
type SSE uint8

// The kinds of server-side encryption. Objects of kind SSES3 are sealed too, under the proxy's own KMS key.
const (
	SSES3  SSE = 1
	SSEKMS SSE = 2
)

// MaxEnvelope bounds the binary form, MaxEnvelopeText the text form, in bytes: S3 keeps 2 KB of user metadata.
const (
	MaxEnvelope     = 1536
	MaxEnvelopeText = MaxEnvelope / 3 * 4
)

const (
	formatVersion = 1
	suite         = 1 // HKDF-SHA256, AES-256-GCM, segments of 64 KiB

	flagBucketKey = 1
	flagCopied    = 2
	flagMultipart = 4
	allFlags      = flagBucketKey | flagCopied | flagMultipart

	envelopeFixed = 4 + 3*SaltSize + KeySize // up to and with the commitment
)

// textForm is base64url without padding, and nothing else.
var textForm = base64.RawURLEncoding.Strict()

// Pair is one entry of a KMS encryption context.
type Pair struct{ Name, Value string }

// Envelope is the sealed record of an object's data key and its encryption facts, kept in the object's metadata. All of
// it but Wrapped can be read by the store, and none of it can be changed: Unwrap checks it together with the object's
// place. What ParseEnvelope returns has not been checked yet.
//
// Wrap replaces slices and never writes into them, so a shallow copy of an Envelope can be wrapped anew.
type Envelope struct {
	ObjectID  [SaltSize]byte // new for every PutObject, CreateMultipartUpload and append; kept by copy and rename
	SSE       SSE
	KeyARN    string // the KMS key under which Blob is; to be used only if it is the bucket's or allowed to it
	Context   []Pair // the pairs beyond the default one, by ascending name
	BucketKey bool   // Blob belongs to a bucket key that other objects share
	Copied    bool   // made by CopyObject: parts aren't shown
	Multipart bool   // part table in the trailer; otherwise there is one part, under PartSalt
	WrapSalt  [SaltSize]byte
	Blob      []byte         // KMS ciphertext of the bucket key
	PartSalt  [SaltSize]byte // zeros if Multipart

	Commitment [KeySize]byte
	Wrapped    []byte
}

// ContextMap returns the pairs of Context by name, nil if there are none.
func (e *Envelope) ContextMap() map[string]string {
	if len(e.Context) == 0 {
		return nil
	}
	pairs := make(map[string]string, len(e.Context))
	for _, pair := range e.Context {
		pairs[pair.Name] = pair.Value
	}
	return pairs
}

// Append appends the binary form to dst. The envelope must come from Wrap or ParseEnvelope.
// Source: FORMAT.md, "Envelope".
func (e *Envelope) Append(dst []byte) []byte {
	return appendWrapped(e.appendAuthenticated(dst, e.Context, &e.WrapSalt, &e.Commitment), e.Wrapped)
}

// AppendText appends the text form, base64url without padding, which is the value of the metadata header.
func (e *Envelope) AppendText(dst []byte) []byte {
	w := workspaces.Get().(*workspace)
	defer w.release()
	w.binary = e.Append(w.binary[:0])
	return textForm.AppendEncode(dst, w.binary)
}

// TextSize is the size of what AppendText appends once the envelope wraps secrets with a length and a checksum of this
// algorithm, in bytes; it is exact as soon as all fields but Commitment and Wrapped are set.
func (e *Envelope) TextSize(checksum Algorithm) int {
	wrapped := KeySize + 1 + 8 + 2 + checksum.Size() + TagSize
	return textForm.EncodedLen(e.authenticatedSize() + 1 + wrapped)
}

// appendAuthenticated appends every field but the last: the context, wrap salt and commitment given, all others as they
// are.
func (e *Envelope) appendAuthenticated(
	dst []byte, context []Pair, wrapSalt *[SaltSize]byte, commitment *[KeySize]byte,
) []byte {
	var flags byte
	if e.BucketKey {
		flags |= flagBucketKey
	}
	if e.Copied {
		flags |= flagCopied
	}
	if e.Multipart {
		flags |= flagMultipart
	}
	dst = append(dst, formatVersion, suite, byte(e.SSE), flags)
	dst = append(dst, e.ObjectID[:]...)
	dst = append(dst, wrapSalt[:]...)
	dst = append(dst, e.PartSalt[:]...)
	dst = append(dst, commitment[:]...)
	dst = appendString(dst, e.KeyARN)
	dst = append(dst, byte(len(context)))
	for _, pair := range context {
		dst = appendString(dst, pair.Name)
		dst = appendString(dst, pair.Value)
	}
	return appendString(dst, e.Blob)
}

// appendWrapped appends the last field.
func appendWrapped(dst, wrapped []byte) []byte {
	return append(append(dst, byte(len(wrapped))), wrapped...)
}

// ParseEnvelopeText reads the value of the metadata header. An empty value is ErrNotSealed; otherwise as ParseEnvelope.
func ParseEnvelopeText(text []byte) (*Envelope, error) {
	if len(text) == 0 {
		return nil, ErrNotSealed
	}
	if len(text) > MaxEnvelopeText {
		return nil, fmt.Errorf("envelope: %w", ErrFormat)
	}
	b, err := textForm.AppendDecode(nil, text)
	// Go's decoder skips line ends, even where it is strict: the size shows it.
	if err != nil || textForm.EncodedLen(len(b)) != len(text) {
		return nil, fmt.Errorf("envelope: %w", ErrFormat)
	}
	return parseEnvelope(b)
}

// ParseEnvelope reads the binary form. It accepts exactly what Append writes; anything else is ErrFormat, or ErrVersion
// if the first two bytes name another format or suite. The envelope keeps no part of b.
func ParseEnvelope(b []byte) (*Envelope, error) {
	if len(b) > MaxEnvelope {
		return nil, fmt.Errorf("envelope: %w", ErrFormat)
	}
	return parseEnvelope(bytes.Clone(b))
}

// parseEnvelope keeps b.
func parseEnvelope(b []byte) (*Envelope, error) {
	if len(b) < envelopeFixed {
		return nil, fmt.Errorf("envelope: %w", ErrFormat)
	}
	if b[0] != formatVersion || b[1] != suite {
		return nil, fmt.Errorf("envelope: %w", ErrVersion)
	}
	flags := b[3]
	e := &Envelope{
		SSE:       SSE(b[2]),
		BucketKey: flags&flagBucketKey != 0,
		Copied:    flags&flagCopied != 0,
		Multipart: flags&flagMultipart != 0,
	}
	r := reader{rest: b[4:]}
	copy(e.ObjectID[:], r.take(SaltSize))
	copy(e.WrapSalt[:], r.take(SaltSize))
	copy(e.PartSalt[:], r.take(SaltSize))
	copy(e.Commitment[:], r.take(KeySize))
	e.KeyARN = string(r.string())
	if n := r.byte(); n > 0 && !r.failed {
		// Each pair takes four bytes at least, so a count that lies is found before it costs memory.
		if 4*n > len(r.rest) {
			return nil, fmt.Errorf("envelope: %w", ErrFormat)
		}
		e.Context = make([]Pair, n)
		for i := range e.Context {
			e.Context[i] = Pair{string(r.string()), string(r.string())}
		}
	}
	e.Blob = r.string()
	e.Wrapped = r.take(r.byte())
	if r.failed || len(r.rest) > 0 || flags&^allFlags != 0 || !e.legal(e.Context) || !legalWrapped(len(e.Wrapped)) {
		return nil, fmt.Errorf("envelope: %w", ErrFormat)
	}
	return e, nil
}

// legal says whether the fields but Commitment and Wrapped, with this context for Context, have a form that Append can
// write and ParseEnvelope accepts.
func (e *Envelope) legal(context []Pair) bool {
	if e.SSE != SSES3 && e.SSE != SSEKMS || len(e.Blob) == 0 || !legalARN(e.KeyARN) ||
		e.Multipart && e.PartSalt != [SaltSize]byte{} {
		return false
	}
	for i, pair := range context {
		if pair.Name == "" || !utf8.ValidString(pair.Name) || !utf8.ValidString(pair.Value) ||
			i > 0 && context[i-1].Name >= pair.Name {
			return false
		}
	}
	return true
}

// legalARN: visible ASCII only, since the ARN goes into response headers before anything is checked.
func legalARN(arn string) bool {
	for i := range len(arn) {
		if arn[i] <= ' ' || arn[i] > '~' {
			return false
		}
	}
	return arn != ""
}

// fits says whether the lengths fit into their length fields and the whole into MaxEnvelope, whatever will be wrapped.
func (e *Envelope) fits() bool {
	return len(e.Context) <= 255 && e.authenticatedSize()+1+maxWrapped <= MaxEnvelope
}

// authenticatedSize is the size of what appendAuthenticated appends.
func (e *Envelope) authenticatedSize() int {
	size := envelopeFixed + 2 + len(e.KeyARN) + 1 + 2 + len(e.Blob)
	for _, pair := range e.Context {
		size += 4 + len(pair.Name) + len(pair.Value)
	}
	return size
}

// sorted returns the pairs in the format's order, without writing into the caller's slice.
func sorted(pairs []Pair) []Pair {
	byName := func(a, b Pair) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(pairs, byName) {
		pairs = slices.Clone(pairs)
		slices.SortFunc(pairs, byName)
	}
	return pairs
}

// WrapKeyer derives wrap keys from a bucket key that it keeps to itself. WrapKey writes the key for salt to key, as
// [DeriveWrapKey] does; the caller wipes key. It fails when the bucket key is gone.
type WrapKeyer interface {
	WrapKey(salt *[SaltSize]byte, key *[KeySize]byte) error
}

// Place is where an object lives. A sealed object opens only there.
type Place struct {
	BucketARN string // as the bucket's record has it since the bucket was made
	Key       string // the object's key, unescaped
}

// Wrap seals secrets into the envelope for place, under a wrap salt that is fresh each time. It sorts Context and sets
// WrapSalt, Commitment and Wrapped; the other fields are the caller's. It returns ErrTooLarge if the envelope would
// exceed MaxEnvelope, ErrFormat if a field or secret can't be in an envelope (a bad ARN, two context pairs of one name,
// an object of one part without its length), and what the keyer returns; e is then as it was. Source: FORMAT.md,
// "Envelope".
func (e *Envelope) Wrap(place Place, keyer WrapKeyer, secrets Secrets) error {
	return e.wrap(place, keyer, secrets, nil)
}

func (e *Envelope) wrap(place Place, keyer WrapKeyer, secrets Secrets, salt *[SaltSize]byte) error {
	w := workspaces.Get().(*workspace)
	defer w.release()
	wrapped, err := w.seal(e, place, keyer, &secrets, salt)
	if err != nil {
		return err
	}
	e.Context = sorted(e.Context)
	e.WrapSalt, e.Commitment, e.Wrapped = w.wrapSalt, w.commitment, bytes.Clone(wrapped)
	return nil
}

// AppendWrapped is Wrap and AppendText in one, for an envelope that is only sent: it appends to dst the text form that
// the envelope would have, and leaves the envelope as it is. On an error, which is one of Wrap's, dst is as it was.
func (e *Envelope) AppendWrapped(dst []byte, place Place, keyer WrapKeyer, secrets Secrets) ([]byte, error) {
	w := workspaces.Get().(*workspace)
	defer w.release()
	wrapped, err := w.seal(e, place, keyer, &secrets, nil)
	if err != nil {
		return dst, err
	}
	w.binary = appendWrapped(w.binary, wrapped)
	return textForm.AppendEncode(dst, w.binary), nil
}

// seal leaves in w what wrapping secrets gives the envelope: wrap salt, commitment and, up to Wrapped, the binary form.
// Wrapped is what it returns, in w's memory. The wrap salt is salt, or a fresh one if that is nil.
func (w *workspace) seal(
	e *Envelope, place Place, keyer WrapKeyer, secrets *Secrets, salt *[SaltSize]byte,
) ([]byte, error) {
	context := sorted(e.Context)
	switch {
	case !e.fits() || !place.fits():
		return nil, fmt.Errorf("wrap data key: %w", ErrTooLarge)
	case !e.legal(context) || !secrets.legal(e.Multipart):
		return nil, fmt.Errorf("wrap data key: %w", ErrFormat)
	}
	w.commitment = secrets.DataKey.commitment(&e.ObjectID)
	if salt != nil {
		w.wrapSalt = *salt
	} else {
		w.wrapSalt = secrets.DataKey.takeWrapSalt()
	}
	if err := keyer.WrapKey(&w.wrapSalt, &w.wrapKey); err != nil {
		return nil, fmt.Errorf("wrap data key: %w", err)
	}
	plaintext := secrets.append(w.secrets[:0])
	w.binary = e.appendAuthenticated(w.binary[:0], context, &w.wrapSalt, &w.commitment)
	authenticated := len(w.binary)
	w.binary = place.append(w.binary)
	wrapped := newAEAD(&w.wrapKey).Seal(plaintext[:0], zeroNonce[:], plaintext, w.binary)
	w.binary = w.binary[:authenticated]
	return wrapped, nil
}

// Unwrap opens the envelope at place and returns its secrets, which the caller wipes. It returns ErrTampered if
// anything in the envelope was changed, if it was made for another place or under another bucket key, or if the data
// key isn't the one committed to (compared in constant time); ErrFormat if what was sealed isn't something Wrap seals;
// and what the keyer returns. It doesn't change the envelope and may run concurrently. Source: FORMAT.md, "Envelope".
func (e *Envelope) Unwrap(place Place, keyer WrapKeyer) (Secrets, error) {
	if !place.fits() {
		return Secrets{}, fmt.Errorf("unwrap data key: %w", ErrTooLarge)
	}
	w := workspaces.Get().(*workspace)
	defer w.release()
	w.wrapSalt = e.WrapSalt
	if err := keyer.WrapKey(&w.wrapSalt, &w.wrapKey); err != nil {
		return Secrets{}, fmt.Errorf("unwrap data key: %w", err)
	}
	w.binary = place.append(e.appendAuthenticated(w.binary[:0], e.Context, &e.WrapSalt, &e.Commitment))
	plaintext, err := newAEAD(&w.wrapKey).Open(w.secrets[:0], zeroNonce[:], e.Wrapped, w.binary)
	if err != nil {
		return Secrets{}, fmt.Errorf("unwrap data key: %w", ErrTampered)
	}
	secrets, err := parseSecrets(plaintext)
	if err == nil && !secrets.legal(e.Multipart) {
		err = ErrFormat
	}
	if err != nil {
		secrets.Wipe()
		return Secrets{}, fmt.Errorf("unwrap data key: %w", err)
	}
	commitment := secrets.DataKey.commitment(&e.ObjectID)
	if subtle.ConstantTimeCompare(commitment[:], e.Commitment[:]) != 1 {
		secrets.Wipe()
		return Secrets{}, fmt.Errorf("unwrap data key: commitment: %w", ErrTampered)
	}
	return secrets, nil
}

// append writes the place as it follows the envelope in what is authenticated: each string with its length in front.
func (p Place) append(dst []byte) []byte {
	return appendString(appendString(dst, p.BucketARN), p.Key)
}

func (p Place) fits() bool { return len(p.BucketARN) < 1<<16 && len(p.Key) < 1<<16 }

// reader takes fields from the front of a record; after one that isn't there all others are empty.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if r.failed || n > len(r.rest) {
		r.failed = true
		return nil
	}
	field := r.rest[:n:n]
	r.rest = r.rest[n:]
	return field
}

func (r *reader) byte() int {
	if b := r.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (r *reader) uint16() int {
	if b := r.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) string() []byte { return r.take(r.uint16()) }

// appendString writes a length of two bytes, big-endian, and the bytes.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}
