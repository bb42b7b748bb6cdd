package objects

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// A Completion is a CompleteMultipartUpload in progress. The caller sets the fields up to the empty line.
type Completion struct {
	Object     *Object
	Upload     *Upload
	List       []byte // identifies a repeated request
	Conditions Conditions
	// What the client says of the object, "" for nothing: its length, and its checksum's type and value.
	Size, ChecksumType, Announced string

	ETag     string       // the store's, of the object that was made
	Checksum string       // the object's, as S3 shows it; "" if it is no longer known
	Version  []s3.Element // its version's headers from the store

	parts   []state.Part // those of the list, in its order
	before  Entry        // what the key held when it was claimed, or when it was last read
	unbound bool         // the store's condition can't be relied on here
	trailer crypto.Trailer
}

// Run makes the upload's object of these parts, under the key's claim, and removes its records. may is called before
// its envelope is opened.
func (c *Completion) Run(ctx context.Context, parts []NamedPart, may func(keyARN string) error) error {
	x := c.Object
	matched := c.match(ctx, parts)
	var err error
	if c.before, err = x.Objects.Head(ctx, x.Record.StoreName, x.Key); err != nil {
		return x.storeFailed(err)
	}
	if c.isOurs(&c.before) { // an earlier Complete succeeded; its records may be gone
		if matched == nil {
			matched = c.sum()
		} else {
			c.trailer, matched = crypto.Trailer{}, nil
		}
		if matched != nil {
			return matched
		}
		c.finish(ctx, c.before.etag)
		return nil
	}
	if matched != nil {
		return matched
	}
	able := x.Objects.o.Abilities.ConditionalComplete
	if c.allStashed() {
		able = x.Objects.o.Abilities.ConditionalPut
	}
	if !able && c.Conditions.conditional() {
		return policy.NotImplemented(x.Operation)
	}
	if err := c.sum(); err != nil {
		return err
	}
	secrets, err := x.Unwrap(ctx, c.Upload.Envelope, false, may)
	if err != nil {
		return err
	}
	defer secrets.Wipe()
	etag, err := c.assemble(ctx, &secrets)
	if err != nil {
		return err
	}
	c.finish(ctx, etag)
	return nil
}

// Repeated finds the object of an upload that has been completed with the same list, while it is unchanged.
func (c *Completion) Repeated(ctx context.Context) error {
	u := c.Upload
	if u.Completion == nil || string(u.Completion.List) != string(c.List) {
		return NoSuchUpload(u.ID)
	}
	seen, err := c.look(ctx)
	switch {
	case err != nil:
		return err
	case !c.isOurs(&seen):
		return NoSuchUpload(u.ID)
	}
	c.ETag, c.Checksum = seen.etag, u.Completion.Checksum
	return nil
}

// match finds the record of each named part.
func (c *Completion) match(ctx context.Context, named []NamedPart) error {
	all, _, err := c.Object.Objects.o.Uploads.Parts(ctx, c.Upload.Upload, 0, crypto.MaxParts)
	if err != nil {
		return RecordError(err)
	}
	if err := c.checkNumbers(named); err != nil {
		return err
	}
	accepted, err := c.Object.Attempts(ctx, c.Upload, all)
	if err != nil {
		return err
	}
	for i, p := range named {
		var part *state.Part
		ok := false
		if a := accepted[p.Number]; a != nil {
			part, ok = a.named(p.ETag)
		}
		if !ok {
			return s3.InvalidPart("UploadId", c.Upload.ID, "PartNumber", strconv.Itoa(p.Number), "ETag", p.ETag)
		}
		found := *part
		if i < len(named)-1 && found.Length < crypto.MinPartSize {
			return s3.Refuse("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
				"ETag", p.ETag, "MinSizeAllowed", strconv.Itoa(crypto.MinPartSize), "PartNumber", strconv.Itoa(p.Number),
				"ProposedSize", strconv.FormatInt(found.Length, 10))
		}
		if err := c.checkPart(&p, &found); err != nil {
			return err
		}
		c.parts = append(c.parts, found)
		c.trailer.Parts = append(c.trailer.Parts, found.Part)
		c.trailer.Length += found.Length
	}
	if want := c.Size; want != "" && want != strconv.FormatInt(c.trailer.Length, 10) {
		return s3.Refuse("InvalidRequest",
			fmt.Sprintf("The provided 'x-amz-mp-object-size' header value %s does not match what was computed: %d", want,
				c.trailer.Length))
	}
	return nil
}

// checkNumbers: where each part has a checksum that counts, their numbers begin with 1 and have no gaps.
func (c *Completion) checkNumbers(named []NamedPart) error {
	if c.Upload.Algorithm == 0 || c.Upload.Type != crypto.Composite {
		return nil
	}
	for i, p := range named {
		if p.Number != i+1 && p.Checksum != "" {
			return s3.InvalidPartOrder("UploadId", c.Upload.ID)
		}
	}
	return nil
}

// checkPart compares a named part's checksum with the one it was accepted with.
func (c *Completion) checkPart(p *NamedPart, found *state.Part) error {
	kind := c.Upload.Kind()
	if p.Checksum == "" {
		if c.Upload.Algorithm != 0 && c.Upload.Type == crypto.Composite {
			return s3.Refuse("InvalidRequest",
				fmt.Sprintf("The upload was created using a %s checksum. The complete request must include the checksum for each "+
					"part. It was missing for part %d in the request.",
					strings.ToLower(kind.Name), p.Number))
		}
		return nil
	}
	if c.Upload.Algorithm == 0 && p.Kind != kind {
		return nil // that checksum isn't recorded: it was checked when the part was uploaded
	}
	if p.Kind != kind || p.Checksum != base64.StdEncoding.EncodeToString(found.Sum[:found.Algorithm.Size()]) {
		return s3.Refuse("BadDigest",
			fmt.Sprintf("The %s you specified for part %d did not match what we received.", strings.ToLower(p.Kind.Name),
				p.Number))
	}
	return nil
}

// sum makes the object's checksum from those of its parts and compares it with what the request says.
func (c *Completion) sum() error {
	kind := c.Upload.Kind()
	if sumType := c.ChecksumType; sumType != "" && !strings.EqualFold(sumType, s3.ChecksumType(c.Upload.Type)) {
		return s3.Refuse("InvalidRequest",
			"The upload was created using the "+s3.ChecksumType(c.Upload.Type)+
				" checksum mode. The complete request must use the same checksum mode.")
	}
	sum := &crypto.Checksum{Type: c.Upload.Type, Algorithm: kind.Algorithm}
	if c.Upload.Type == crypto.Composite {
		h := kind.Make()
		for i := range c.parts {
			h.Write(c.parts[i].Sum[:kind.Algorithm.Size()])
		}
		sum.Value = h.Sum(nil)
	} else {
		sum.Value = c.parts[0].Sum[:kind.Algorithm.Size()]
		for i := 1; i < len(c.parts); i++ {
			sum.Value = s3.CombineCRC(kind.Algorithm, sum.Value, c.parts[i].Sum[:kind.Algorithm.Size()], c.parts[i].Length)
		}
	}
	c.trailer.Checksum = sum
	if sent := c.Announced; sent != "" {
		value, count, composite := strings.Cut(sent, "-")
		if value != base64.StdEncoding.EncodeToString(sum.Value) ||
			composite && (sum.Type != crypto.Composite || count != strconv.Itoa(len(c.parts))) {
			return s3.Refuse("BadDigest",
				"The "+strings.ToLower(kind.Name)+" you specified did not match the calculated checksum.")
		}
	}
	return nil
}

// isOurs reports whether seen is the upload's object.
func (c *Completion) isOurs(seen *Entry) bool {
	return seen.envelope != nil && seen.envelope.ObjectID == c.Upload.Envelope.ObjectID
}

// allStashed reports whether the store has none of the parts.
func (c *Completion) allStashed() bool {
	for i := range c.parts {
		if !c.parts[i].Stashed {
			return false
		}
	}
	return true
}

// finish marks the upload as ended. What can't be written now is left to the janitor: the object is there.
func (c *Completion) finish(ctx context.Context, etag string) {
	if c.trailer.Length > 0 {
		c.Object.Objects.layouts.put(c.Object.layoutName(), &cachedLayout{
			etag: etag, objectID: c.Upload.Envelope.ObjectID, total: crypto.StoredLength(c.trailer.Length),
			layout: c.trailer.Layout(), checksum: c.trailer.Checksum,
		})
	}
	checksum := ""
	if c.trailer.Checksum != nil {
		checksum = s3.ShownChecksum(c.trailer.Checksum, len(c.parts))
	}
	done := &state.Completion{List: c.List, ETag: etag, Checksum: checksum, Parts: len(c.parts)}
	if err := c.Object.Objects.o.Uploads.EndUpload(ctx, c.Upload.Upload, state.UploadCompleted, done); err != nil {
		c.Object.Objects.o.Log.Warn("a completed upload could not be marked as ended; the janitor will",
			zap.Error(err))
	}
	c.ETag, c.Checksum = etag, checksum
}

// A NamedPart is one entry of a client's list of parts.
type NamedPart struct {
	Number   int
	ETag     string // unquoted, as the client has it
	Checksum string // base64, of the algorithm below; "" when none was given
	Kind     *s3.ChecksumKind
}
