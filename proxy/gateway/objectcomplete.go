package gateway

import (
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

// A completion is a CompleteMultipartUpload on its way. Its fields up to the empty line are the caller's.
type completion struct {
	x     *object
	u     *upload
	list  []byte // by which a repeated request is recognised
	asked asked
	// What the client says of the object, "" for nothing: its length, and its checksum's type and value.
	size, sumType, announced string

	etag     string       // the store's, of the object that was made
	checksum string       // the object's, as S3 shows it; "" if it isn't known any more
	version  []s3.Element // what the store says of its version

	parts   []state.Part // those of the list, in its order
	before  sight        // what the key held when it was claimed, or when it was last looked at
	unbound bool         // the store's condition can't be relied on here
	trailer crypto.Trailer
}

// run makes the upload's object of these parts, under the key's claim, and removes its records. may is asked before
// its envelope is opened.
func (c *completion) run(parts []namedPart, may func(keyARN string) error) error {
	x := c.x
	matched := c.match(parts)
	var err error
	if c.before, err = x.in.head(x.context, x.record.StoreName, x.key); err != nil {
		return x.storeFailed(err)
	}
	if c.ours(&c.before) { // an earlier Complete has got through; its records may be gone
		if matched == nil {
			matched = c.sum()
		} else {
			c.trailer, matched = crypto.Trailer{}, nil
		}
		if matched != nil {
			return matched
		}
		c.finish(c.before.etag)
		return nil
	}
	if matched != nil {
		return matched
	}
	able := x.in.o.Abilities.ConditionalComplete
	if c.alone() {
		able = x.in.o.Abilities.ConditionalPut
	}
	if !able && c.asked.conditional() {
		return policy.NotImplemented(x.operation)
	}
	if err := c.sum(); err != nil {
		return err
	}
	secrets, err := x.unwrap(c.u.envelope, false, may)
	if err != nil {
		return err
	}
	defer secrets.Wipe()
	etag, err := c.assemble(&secrets)
	if err != nil {
		return err
	}
	c.finish(etag)
	return nil
}

// repeated finds the object of an upload that has been completed with the same list, while it is unchanged.
func (c *completion) repeated() error {
	u := c.u
	if u.Completion == nil || string(u.Completion.List) != string(c.list) {
		return noSuchUpload(u.ID)
	}
	seen, err := c.look()
	switch {
	case err != nil:
		return err
	case !c.ours(&seen):
		return noSuchUpload(u.ID)
	}
	c.etag, c.checksum = seen.etag, u.Completion.Checksum
	return nil
}

// match finds the record of each named part.
func (c *completion) match(named []namedPart) error {
	all, err := c.x.in.o.Uploads.Parts(c.x.context, c.u.Upload)
	if err != nil {
		return recordError(err)
	}
	if err := c.checkNumbers(named); err != nil {
		return err
	}
	accepted, err := c.x.attempted(c.u, all)
	if err != nil {
		return err
	}
	for i, p := range named {
		var part *state.Part
		ok := false
		if a := accepted[p.number]; a != nil {
			part, ok = a.named(p.etag)
		}
		if !ok {
			return s3.Refuse("InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
				"UploadId", c.u.ID, "PartNumber", strconv.Itoa(p.number), "ETag", p.etag)
		}
		found := *part
		if i < len(named)-1 && found.Length < crypto.MinPartSize {
			return s3.Refuse("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
				"ETag", p.etag, "MinSizeAllowed", strconv.Itoa(crypto.MinPartSize), "PartNumber", strconv.Itoa(p.number), "ProposedSize", strconv.FormatInt(found.Length, 10))
		}
		if err := c.checkPart(&p, &found); err != nil {
			return err
		}
		c.parts = append(c.parts, found)
		c.trailer.Parts = append(c.trailer.Parts, found.Part)
		c.trailer.Length += found.Length
	}
	if want := c.size; want != "" && want != strconv.FormatInt(c.trailer.Length, 10) {
		return s3.Refuse("InvalidRequest", fmt.Sprintf("The provided 'x-amz-mp-object-size' header value %s does not match what was computed: %d", want, c.trailer.Length))
	}
	return nil
}

// checkNumbers: where each part has a checksum that counts, their numbers begin with 1 and have no gaps.
func (c *completion) checkNumbers(named []namedPart) error {
	if c.u.Algorithm == 0 || c.u.Type != crypto.Composite {
		return nil
	}
	for i, p := range named {
		if p.number != i+1 && p.checksum != "" {
			return s3.Refuse("InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.", "UploadId", c.u.ID)
		}
	}
	return nil
}

// checkPart compares a named part's checksum with the one it was accepted with.
func (c *completion) checkPart(p *namedPart, found *state.Part) error {
	kind := c.u.kind()
	if p.checksum == "" {
		if c.u.Algorithm != 0 && c.u.Type == crypto.Composite {
			return s3.Refuse("InvalidRequest", fmt.Sprintf("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
				strings.ToLower(kind.Name), p.number))
		}
		return nil
	}
	if c.u.Algorithm == 0 && p.kind != kind {
		return nil // nobody asked for that one to be kept: it was checked when the part came
	}
	if p.kind != kind || p.checksum != base64.StdEncoding.EncodeToString(found.Sum[:found.Algorithm.Size()]) {
		return s3.Refuse("BadDigest", fmt.Sprintf("The %s you specified for part %d did not match what we received.", strings.ToLower(p.kind.Name), p.number))
	}
	return nil
}

// sum makes the object's checksum from those of its parts and compares it with what the request says.
func (c *completion) sum() error {
	kind := c.u.kind()
	if wanted := c.sumType; wanted != "" && !strings.EqualFold(wanted, s3.ChecksumType(c.u.Type)) {
		return s3.Refuse("InvalidRequest", "The upload was created using the "+s3.ChecksumType(c.u.Type)+" checksum mode. The complete request must use the same checksum mode.")
	}
	sum := &crypto.Checksum{Type: c.u.Type, Algorithm: kind.Algorithm}
	if c.u.Type == crypto.Composite {
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
	if sent := c.announced; sent != "" {
		value, count, composite := strings.Cut(sent, "-")
		if value != base64.StdEncoding.EncodeToString(sum.Value) || composite && (sum.Type != crypto.Composite || count != strconv.Itoa(len(c.parts))) {
			return s3.Refuse("BadDigest", "The "+strings.ToLower(kind.Name)+" you specified did not match the calculated checksum.")
		}
	}
	return nil
}

// ours reports whether the upload's object is what was seen.
func (c *completion) ours(seen *sight) bool {
	return seen.envelope != nil && seen.envelope.ObjectID == c.u.envelope.ObjectID
}

// alone reports whether the store has none of the parts.
func (c *completion) alone() bool {
	for i := range c.parts {
		if !c.parts[i].Stashed {
			return false
		}
	}
	return true
}

// finish removes the records. What can't be removed now is left to the janitor: the object is there.
func (c *completion) finish(etag string) {
	if c.trailer.Length > 0 {
		c.x.in.layouts.put(c.x.layoutName(), &knownLayout{
			etag: etag, objectID: c.u.envelope.ObjectID, total: crypto.StoredLength(c.trailer.Length),
			layout: c.trailer.Layout(), checksum: c.trailer.Checksum,
		})
	}
	checksum := ""
	if c.trailer.Checksum != nil {
		checksum = s3.ShownChecksum(c.trailer.Checksum, len(c.parts))
	}
	done := &state.Completion{List: c.list, ETag: etag, Checksum: checksum, Parts: len(c.parts)}
	if err := c.x.in.o.Uploads.EndUpload(c.x.context, c.u.Upload, state.UploadCompleted, done); err != nil {
		c.x.in.o.Log.Warn("the records of a completed upload could not be removed; the janitor will", zap.Error(err))
	}
	c.etag, c.checksum = etag, checksum
}

// A namedPart is one entry of a client's list of parts.
type namedPart struct {
	number   int
	etag     string // unquoted, as the client has it
	checksum string // base64, of the algorithm below; "" when none was given
	kind     *s3.ChecksumKind
}
