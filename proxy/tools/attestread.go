package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"sealfront/crypto"
	"sealfront/proxy/attestation"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// A measured is a body of stored bytes that are hashed and judged as they are read.
type measured struct {
	*store.Answer
	sum       hash.Hash
	structure *attestation.Structure
}

// measure judges those bytes of an answer that are segments: padding and trailer aren't random throughout.
func measure(a *store.Answer, row *attestation.Row) *measured {
	return &measured{a, sha256.New(), attestation.NewStructure(judgedOf(row))}
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.Answer.Read(p)
	m.sum.Write(p[:n])
	_, _ = m.structure.Write(p[:n])
	return n, err
}

// Close leaves the answer open, so that what a reader left can be measured, too.
func (m *measured) Close() {}

// finish reads what is left, closes the answer, and returns the SHA-256 of all.
func (m *measured) finish() (string, error) {
	defer m.Answer.Close()
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{m}); err != nil {
		return "", err
	}
	return hex.EncodeToString(m.sum.Sum(nil)), nil
}

// An attestReader reads objects as an attestation does: without a proxy between it and the store.
type attestReader struct {
	*place
	listed *bucketList
	blind  bool          // KMS isn't called
	pause  time.Duration // before store or KMS is tried again
	spent  atomic.Int64  // such pauses
}

// What is noted of a key service that refused nothing.
const (
	noKMS    = "KMS was not called"
	noAnswer = "KMS did not answer"
)

// A scan of millions of objects shall not fail by one answer that didn't come, nor wait for each object where none
// comes.
const (
	triesOfObject = 3
	pausesOfScan  = 100
)

// tryAgain pauses before an object is read again, and reports whether it shall be.
func (a *attestReader) tryAgain(ctx context.Context, tries int) bool {
	if tries >= triesOfObject || a.spent.Add(1) > pausesOfScan {
		return false
	}
	select {
	case <-time.After(a.pause):
		return true
	case <-ctx.Done():
		return false
	}
}

// look reads the metadata and the end of an object, or with whole all of it, and returns its row. What is wrong with it
// is in the row: an error is the scan's own.
func (a *attestReader) look(ctx context.Context, e entry, seen string, whole bool) (*attestation.Row, error) {
	row, err := a.readOnce(ctx, e, seen, whole)
	for tries := 1; err != nil && !errors.Is(err, errGone) && !errors.Is(err, errListed) ||
		err == nil && row.Unopened == noAnswer; tries++ {
		if !a.tryAgain(ctx, tries) {
			break
		}
		row, err = a.readOnce(ctx, e, seen, whole)
	}
	if err == nil && len(row.Findings) > 0 && e.version == "" {
		row, err = a.readAgain(ctx, e, row, whole)
	}
	switch {
	case err == nil:
		return row, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, errGone):
		return &attestation.Row{Seen: seen, Key: e.key, Version: e.version, Gone: true}, nil
	case errors.Is(err, errListed):
		row = &attestation.Row{Seen: seen, Key: e.key, Version: e.version}
		a.found(row, attestation.Phantom, "%v", err)
	default:
		row = &attestation.Row{Seen: seen, Key: e.key, Version: e.version, Stored: e.size}
		a.found(row, attestation.Unchecked, "it could not be read: %v", err)
	}
	return row, nil
}

// readOnce is look without what is made of errors.
func (a *attestReader) readOnce(ctx context.Context, e entry, seen string, whole bool) (*attestation.Row, error) {
	var row *attestation.Row
	read := func() error {
		return retry(func() (err error) {
			row = &attestation.Row{Seen: seen, Key: e.key, Version: e.version}
			if whole {
				return a.readWhole(ctx, row)
			}
			return a.readEnd(ctx, row)
		})
	}
	var err error
	if e.version == "" {
		err = a.listed.whileListed(ctx, e.key, read)
	} else {
		err = read()
	}
	return row, err
}

// readAgain reads an object with findings once more: some stores answer with the metadata of an object and the bytes of
// one that has just replaced it. What isn't found again is no finding, unless the object is the same: then the store
// has two contents of it.
func (a *attestReader) readAgain(
	ctx context.Context, e entry, first *attestation.Row, whole bool,
) (*attestation.Row, error) {
	row, err := a.readOnce(ctx, e, first.Seen, whole)
	if err != nil || len(row.Findings) > 0 || row.ETag != first.ETag || row.Sealed == nil || first.Sealed == nil ||
		*row.Sealed != *first.Sealed {
		return row, err
	}
	a.found(row, attestation.Unstable, "it was read twice under one ETag, %s, and only the second time as it should be: "+
		"first, %s", row.ETag, first.Findings[0].Why)
	return row, nil
}

// found adds a finding to an object's row.
func (a *attestReader) found(row *attestation.Row, kind, format string, args ...any) {
	f := attestation.NewFinding(kind, Target{a.facts.Name, row.Key}.URI(), format, args...)
	f.Version = row.Version
	row.Findings = append(row.Findings, f)
}

func (a *attestReader) at(row *attestation.Row) *objects.Object {
	x := a.object(row.Key)
	x.Version = row.Version
	return x
}

// readEnd requests an object's metadata and its last bytes, and opens envelope and trailer.
func (a *attestReader) readEnd(ctx context.Context, row *attestation.Row) error {
	x := a.at(row)
	source, err := x.HeadWithTail(ctx)
	if err != nil {
		return a.damaged(ctx, x, row, operatorError(err), false)
	}
	describe(row, source.Sealed, source.Modified)
	row.Read = attestation.ReadEnd
	if a.blind {
		row.Unopened = noKMS
		return nil
	}
	opened, err := source.Open(ctx, false, operator)
	if err == nil {
		opened.Secrets.Wipe()
		row.Opened = true
		return nil
	}
	err = operatorError(err)
	structure := ""
	if _, ok := errors.AsType[*Damage](err); ok {
		u, err := a.readUnsealed(ctx, x, row, false)
		if err != nil {
			return err
		}
		structure = u.plain()
	}
	return a.unopened(ctx, row, err, structure)
}

// readWhole reads every stored byte, and opens every segment.
func (a *attestReader) readWhole(ctx context.Context, row *attestation.Row) error {
	x := a.at(row)
	answer, sealed, err := x.Get(ctx)
	if err != nil {
		return a.damaged(ctx, x, row, operatorError(err), true)
	}
	describe(row, sealed, lastModified(answer))
	m := measure(answer, row)
	var damage error
	if a.blind {
		row.Unopened = noKMS
	} else {
		var opened *objects.Opened
		if opened, damage = x.Open(ctx, sealed, operator); damage == nil {
			damage = x.ReadWhole(opened, m, nil)
			opened.Secrets.Wipe()
		}
		damage = operatorError(damage)
	}
	sum, err := m.finish()
	if err != nil {
		return err
	}
	row.Read, row.SHA256 = attestation.ReadWhole, sum
	structure := m.structure.Found()
	if damage != nil { // as readEnd says it of the same bytes
		u := unsealed{structure: structure, text: len(m.structure.Head()) > 0 && isText(m.structure.Head())}
		return a.unopened(ctx, row, damage, u.plain())
	}
	row.Opened = !a.blind
	if structure != "" {
		a.found(row, attestation.Structured, "%s", structure)
	}
	return nil
}

func lastModified(a *store.Answer) time.Time {
	t, _ := http.ParseTime(string(a.Get("Last-Modified")))
	return t
}

// describe fills in what the store says of an object, and its envelope.
func describe(row *attestation.Row, s *objects.Sealed, modified time.Time) {
	row.ETag, row.Stored = s.ETag, s.Stored()
	if !modified.IsZero() {
		row.Modified = &modified
	}
	e := s.Envelope
	row.Sealed = &attestation.Sealed{
		ObjectID: hex.EncodeToString(e.ObjectID[:]), SSE: e.SSE.String(), KMSKey: e.KeyARN, Blob: blobDigest(e.Blob),
	}
}

// unopened notes why an object with an envelope wasn't opened: damage is a finding, KMS's refusal is noted, and an
// error of the store is returned. structure is what isn't random of its bytes, if that was looked at.
func (a *attestReader) unopened(ctx context.Context, row *attestation.Row, err error, structure string) error {
	d, isDamage := errors.AsType[*Damage](err)
	_, ofStore := asFault(err)
	switch {
	case ctx.Err() != nil, errors.Is(err, errGone), errors.Is(err, errReplaced), errors.Is(err, store.ErrUnavailable),
		ofStore:
		return err
	case !isDamage:
		row.Unopened = kmsAnswer(err)
		if structure != "" {
			a.found(row, attestation.InTheClear, "it has an envelope, but its bytes aren't sealed: %s", structure)
		}
		return nil
	case structure != "":
		a.found(row, attestation.InTheClear, "it has an envelope, but its bytes aren't sealed: %s; %s", structure, d.Reason)
	case d.Kind == "envelope":
		a.found(row, attestation.Misplaced, "%s", d.Reason)
	default:
		a.found(row, d.Kind, "%s", d.Reason)
	}
	return nil
}

// kmsAnswer is KMS's name for its refusal, without what differs from call to call.
func kmsAnswer(err error) string {
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) && coded.ErrorCode() != "" {
		return coded.ErrorCode()
	}
	return noAnswer
}

// damaged finds out what an object is whose metadata or size is no sealed object's.
func (a *attestReader) damaged(
	ctx context.Context, x *objects.Object, row *attestation.Row, err error, whole bool,
) error {
	d, ok := errors.AsType[*Damage](err)
	if !ok {
		return err
	}
	answer, sealed, headed := x.HeadIf(ctx, objects.Unconditional)
	if headed == nil {
		describe(row, sealed, lastModified(answer))
		answer.Close()
	}
	u, err := a.readUnsealed(ctx, x, row, whole)
	if err != nil {
		return err
	}
	switch {
	case d.Kind != "not-sealed" && row.Sealed != nil && u.plain() != "":
		a.found(row, attestation.InTheClear, "it has an envelope, but its bytes aren't sealed: %s; %s", u.plain(), d.Reason)
	case d.Kind != "not-sealed" && row.Sealed != nil:
		a.found(row, d.Kind, "%s", d.Reason)
	case d.Kind != "not-sealed":
		a.found(row, attestation.Foreign, "its envelope is of no known format: %s", d.Reason)
	case u.tail:
		a.found(row, attestation.Stripped, "it has no envelope, and ends as sealed objects of format 1 do: its metadata was "+
			"removed")
	case row.Stored == 0:
		a.found(row, attestation.Foreign, "it has no envelope; it is empty")
	case u.plain() != "":
		a.found(row, attestation.InTheClear, "it has no envelope, and %s", u.plain())
	default:
		a.found(row, attestation.Foreign, "it has no envelope; its bytes aren't of a form that is known here: compressed, "+
			"encrypted by something else, or too few to say")
	}
	return nil
}

// An unsealed is what the bytes of an object without a usable envelope look like.
type unsealed struct {
	structure string // what isn't random about them
	text      bool   // they begin as text
	tail      bool   // they end as a sealed object's
}

// plain says what shows that the bytes aren't sealed; "" if nothing does.
func (u *unsealed) plain() string {
	if u.structure == "" && u.text {
		return "its bytes are text that anybody can read"
	}
	return u.structure
}

// judgedOf is up to where the bytes of an object are judged: without padding and trailer, if it has them; negative:
// all.
func judgedOf(row *attestation.Row) int64 {
	plain, ok := crypto.PlainLength(row.Stored)
	switch {
	case row.Sealed == nil:
		return -1
	case !ok:
		return max(0, row.Stored-4096)
	case plain == 0:
		return 0
	}
	return crypto.SealedLength(plain)
}

// judged is how much of an object without an envelope is read where the whole isn't.
const judged = 64 << 10

func (a *attestReader) readUnsealed(
	ctx context.Context, x *objects.Object, row *attestation.Row, whole bool,
) (*unsealed, error) {
	answer, err := do(ctx, a.Store, x.NewRequest("GetObject", "GET"))
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	row.ETag, row.Stored = string(answer.Get("Etag")), answer.Length
	if t := lastModified(answer); !t.IsZero() {
		row.Modified = &t
	}
	row.Read = attestation.ReadEnd
	u, sum, structure := new(unsealed), sha256.New(), attestation.NewStructure(judgedOf(row))
	head := make([]byte, min(judged, max(0, answer.Length)))
	if _, err := io.ReadFull(answer, head); err != nil {
		return nil, err
	}
	sum.Write(head)
	_, _ = structure.Write(head)
	u.text = len(head) > 0 && isText(head)
	end := head[max(0, len(head)-tailMark):]
	switch rest := answer.Length - int64(len(head)); {
	case whole || rest == 0:
		kept := &lastBytes{kept: end}
		if _, err := io.Copy(io.MultiWriter(sum, structure, kept), struct{ io.Reader }{answer}); err != nil {
			return nil, err
		}
		end = kept.kept
		row.Read, row.SHA256 = attestation.ReadWhole, hex.EncodeToString(sum.Sum(nil))
	default:
		r := x.NewRequest("GetObject", "GET")
		r.Set("Range", "bytes=-32")
		ifMatch(r, row.ETag)
		tail, err := do(ctx, a.Store, r)
		if err != nil {
			return nil, err
		}
		defer tail.Close()
		if end, err = tail.Bytes(judged); err != nil {
			return nil, err
		}
	}
	_, possible := crypto.PlainLength(row.Stored)
	u.tail = possible && len(end) == tailMark && strings.HasPrefix(string(end), "SEALFRNT\x01\x00\x00\x00")
	u.structure = structure.Found()
	if u.tail && row.Sealed == nil { // padding and trailer of a short one aren't random
		u.structure, u.text = "", false
	}
	return u, nil
}

// tailMark is how many bytes a sealed object's tail has.
const tailMark = 32

// A lastBytes keeps the last tailMark bytes that were written to it.
type lastBytes struct{ kept []byte }

func (l *lastBytes) Write(p []byte) (int, error) {
	l.kept = append(append([]byte(nil), l.kept...), p[max(0, len(p)-tailMark):]...)
	l.kept = l.kept[max(0, len(l.kept)-tailMark):]
	return len(p), nil
}

// isText reports whether bytes begin with up to 256 that are printable text in UTF-8. Random bytes do so with a
// probability below 1e-6 from 16 bytes on; it only chooses between two kinds of findings.
func isText(b []byte) bool {
	b = b[:min(len(b), 256)]
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n <= 1 {
			return !utf8.FullRune(b) // cut within a character
		}
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return false
		}
		b = b[n:]
	}
	return true
}
