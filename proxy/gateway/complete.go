package gateway

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// maxCompleteDocument bounds the body of CompleteMultipartUpload: 10,000 parts with SHA-256 are 1.9 MB.
const maxCompleteDocument = 4 << 20

// completeMultipartUpload carries out CompleteMultipartUpload.
//
//	list ─▶ matched with the part records ─▶ checksums combined ─▶ trailer ─▶ the store's last part ─▶ store's Complete
//	                                                                                └─▶ HEAD: is it our object? ─▶ 200
//
// Until the store's Complete nothing is visible and nothing is lost; after it the object is whole and needs nothing of
// ours. What the store says to its Complete is not believed: some answer 200 for an upload that was aborted, and the
// answer may be lost. Only an object that carries the upload's object id is a success (L3).
//
// Requests to the store, for N parts: the record, ⌈N/1000⌉ listings of part records, the stash if there is one, the
// last part, Complete, HEAD, then a deletion a part record and the record twice.
func completeMultipartUpload(x *exchange) error {
	parts, list, err := x.readPartList()
	if err != nil {
		return err
	}
	id, _ := x.query.Get("uploadId")
	defer x.g.completing.enter(id)()
	u, err := x.findUpload(true)
	if err != nil {
		return err
	}
	switch u.State {
	case state.UploadCompleted:
		return x.completedBefore(u, list)
	case state.UploadAborted:
		return noSuchUpload(u.ID)
	}
	if err := x.decideUpload(u); err != nil {
		return err
	}
	if err := x.conditionsHold(x.g.o.Abilities.ConditionalComplete); err != nil {
		return err
	}
	c := &completion{x: x, u: u, list: list}
	if err := c.match(parts); err != nil {
		// An earlier Complete may have got through and its records be gone.
		if etag, ours := c.visible(); ours {
			return c.finish(etag)
		}
		return err
	}
	if err := c.sum(); err != nil {
		return err
	}
	secrets, err := x.unwrap(u.envelope)
	if err != nil {
		return err
	}
	defer secrets.Wipe()
	if c.trailer.Length == 0 {
		return c.completeEmpty(&secrets)
	}
	etag, err := c.assemble(&secrets.DataKey)
	if err != nil {
		return err
	}
	return c.finish(etag)
}

// completedBefore answers a repeated Complete: the same again for the same list while the object is unchanged.
func (x *exchange) completedBefore(u *upload, list []byte) error {
	c := &completion{x: x, u: u, list: list}
	if u.Completion == nil || string(u.Completion.List) != string(list) {
		return noSuchUpload(u.ID)
	}
	etag, ours := c.visible()
	if !ours {
		return noSuchUpload(u.ID)
	}
	if err := x.decideUpload(u); err != nil {
		return err
	}
	return c.answer(etag, u.Completion.Checksum)
}

// A completion is a CompleteMultipartUpload on its way.
type completion struct {
	x     *exchange
	u     *upload
	list  []byte
	parts []state.Part // those of the list, in its order
	// ambiguous: of some part there are attempts that the store's clock can't tell apart.
	ambiguous bool
	trailer   crypto.Trailer
}

// match finds the record of each named part.
func (c *completion) match(named []namedPart) error {
	all, err := c.x.g.o.Uploads.Parts(c.x.context, c.u.Upload)
	if err != nil {
		return recordError(err)
	}
	if err := c.checkNumbers(named); err != nil {
		return err
	}
	newest := newestParts(all)
	for i, p := range named {
		at := -1
		candidates := newest[p.number]
		for j := range candidates {
			if unquote(clientETag([]byte(candidates[j].StoreETag))) == p.etag {
				at = j
			}
		}
		if at < 0 {
			return refusal("InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
				"UploadId", c.u.ID, "PartNumber", strconv.Itoa(p.number), "ETag", p.etag)
		}
		c.ambiguous = c.ambiguous || len(candidates) > 1
		found := candidates[at]
		if i < len(named)-1 && found.Length < crypto.MinPartSize {
			return refusal("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
				"ETag", p.etag, "MinSizeAllowed", strconv.Itoa(crypto.MinPartSize), "PartNumber", strconv.Itoa(p.number), "ProposedSize", strconv.FormatInt(found.Length, 10))
		}
		if err := c.checkPart(&p, &found); err != nil {
			return err
		}
		c.parts = append(c.parts, found)
		c.trailer.Parts = append(c.trailer.Parts, found.Part)
		c.trailer.Length += found.Length
	}
	if want := c.x.headerValue("x-amz-mp-object-size"); want != "" && want != strconv.FormatInt(c.trailer.Length, 10) {
		return refusal("InvalidRequest", fmt.Sprintf("The provided 'x-amz-mp-object-size' header value %s does not match what was computed: %d", want, c.trailer.Length))
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
			return refusal("InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.", "UploadId", c.u.ID)
		}
	}
	return nil
}

// checkPart compares a named part's checksum with the one it was accepted with.
func (c *completion) checkPart(p *namedPart, found *state.Part) error {
	kind := c.u.kind()
	if p.checksum == "" {
		if c.u.Algorithm != 0 && c.u.Type == crypto.Composite {
			return refusal("InvalidRequest", fmt.Sprintf("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
				strings.ToLower(kind.name), p.number))
		}
		return nil
	}
	if c.u.Algorithm == 0 && p.kind != kind {
		return nil // nobody asked for that one to be kept: it was checked when the part came
	}
	if p.kind != kind || p.checksum != base64.StdEncoding.EncodeToString(found.Sum[:found.Algorithm.Size()]) {
		return refusal("BadDigest", fmt.Sprintf("The %s you specified for part %d did not match what we received.", strings.ToLower(p.kind.name), p.number))
	}
	return nil
}

// sum makes the object's checksum from those of its parts and compares it with what the request says.
func (c *completion) sum() error {
	kind := c.u.kind()
	if wanted := c.x.headerValue("x-amz-checksum-type"); wanted != "" && !strings.EqualFold(wanted, checksumType(c.u.Type)) {
		return refusal("InvalidRequest", "The upload was created using the "+checksumType(c.u.Type)+" checksum mode. The complete request must use the same checksum mode.")
	}
	sum := &crypto.Checksum{Type: c.u.Type, Algorithm: kind.algorithm}
	if c.u.Type == crypto.Composite {
		h := kind.make()
		for i := range c.parts {
			h.Write(c.parts[i].Sum[:kind.algorithm.Size()])
		}
		sum.Value = h.Sum(nil)
	} else {
		sum.Value = c.parts[0].Sum[:kind.algorithm.Size()]
		for i := 1; i < len(c.parts); i++ {
			sum.Value = combineCRC(kind.algorithm, sum.Value, c.parts[i].Sum[:kind.algorithm.Size()], c.parts[i].Length)
		}
	}
	c.trailer.Checksum = sum
	if sent := c.x.headerValue(kind.header); sent != "" {
		value, count, composite := strings.Cut(sent, "-")
		if value != base64.StdEncoding.EncodeToString(sum.Value) || composite && (sum.Type != crypto.Composite || count != strconv.Itoa(len(c.parts))) {
			return refusal("BadDigest", "The "+strings.ToLower(kind.name)+" you specified did not match the calculated checksum.")
		}
	}
	return nil
}

// checksumAnswer is the object's checksum as S3 shows it; composite ones say of how many parts.
func (c *completion) checksumAnswer() string {
	value := checksumText(c.trailer.Checksum)
	if c.trailer.Checksum.Type == crypto.Composite {
		value += "-" + strconv.Itoa(len(c.parts))
	}
	return value
}

// finish removes the records and answers. What can't be removed now is left to the janitor: the object is there.
func (c *completion) finish(etag string) error {
	if c.trailer.Length > 0 {
		c.x.g.layouts.put(c.x.layoutName(), &knownLayout{
			etag: etag, objectID: c.u.envelope.ObjectID, total: crypto.StoredLength(c.trailer.Length),
			layout: c.trailer.Layout(), checksum: c.trailer.Checksum,
		})
	}
	checksum := ""
	if c.trailer.Checksum != nil {
		checksum = c.checksumAnswer()
	}
	done := &state.Completion{List: c.list, ETag: etag, Checksum: checksum, Parts: len(c.parts)}
	if err := c.x.g.o.Uploads.EndUpload(c.x.context, c.u.Upload, state.UploadCompleted, done); err != nil {
		c.x.g.log.Warn("the records of a completed upload could not be removed; the janitor will", zap.Error(err))
	}
	return c.answer(etag, checksum)
}

func (c *completion) answer(etag, checksum string) error {
	x := c.x
	x.showEncryption()
	out := struct {
		XMLName               xml.Name `xml:"CompleteMultipartUploadResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Location, Bucket, Key string
		ETag                  string
		checksumElements
	}{Xmlns: s3Namespace, Location: x.objectURL(), Bucket: x.bucket, Key: x.key, ETag: clientETag([]byte(etag))}
	if checksum != "" {
		*out.of(c.u.kind().algorithm) = checksum
		out.ChecksumType = checksumType(c.u.Type)
	}
	if x.facts.Kind == policy.Directory {
		x.ctx.Response.Header.Set("x-amz-expiration", "NotImplemented")
	}
	return x.answerXML(&out)
}

// completeEmpty makes the object of an upload whose parts hold nothing: an empty object is its envelope alone, so it is
// put, and the store's upload is given up.
func (c *completion) completeEmpty(secrets *crypto.Secrets) error {
	x := c.x
	envelope := *c.u.envelope
	use, err := x.openingKey(&envelope, false)
	if err != nil {
		return err
	}
	defer use.Release()
	envelope.Multipart = false
	// An object of one part has the checksum of its bytes, whatever the upload's type was.
	kind := c.u.kind()
	full := &crypto.Checksum{Type: crypto.FullObject, Algorithm: kind.algorithm, Value: kind.make().Sum(nil)}
	if err := envelope.Wrap(x.place(), use, crypto.Secrets{DataKey: secrets.DataKey, HasLength: true, Checksum: full}); err != nil {
		return fmt.Errorf("seal the envelope: %w", err)
	}
	r := &store.Request{Operation: "PutObject", Method: "PUT", Bucket: x.record.StoreName, Key: x.key, Bytes: []byte{}}
	for _, h := range c.u.Header {
		r.Set(h.Name, h.Value)
	}
	r.SetBytes(x.g.o.MetadataHeader, envelope.AppendText(nil))
	x.setWriteConditions(r)
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return x.writeFault(f)
	}
	x.showVersion(a)
	if err := x.abortStore(c.u.ID); err != nil {
		x.g.log.Warn("the store's upload could not be aborted; the janitor will", zap.Error(err))
	}
	return c.finish(string(a.Get("Etag")))
}
