package tools

import (
	"context"
	"encoding/hex"
	"errors"

	"sealfront/crypto"
)

// Inspection is what Inspect reports of an object. It holds no key. The checksum is one of the plaintext: it is for who
// may read the object.
type Inspection struct {
	URI      string        `json:"uri"`
	ETag     string        `json:"storeETag,omitempty"`
	Envelope *EnvelopeView `json:"envelope,omitempty"`
	Opens    string        `json:"opens,omitempty"` // what is needed to open it
	Sizes    *Sizes        `json:"sizes,omitempty"`
	Parts    []PartView    `json:"parts,omitempty"`
	Checksum *ChecksumView `json:"checksum,omitempty"`
	Verifies bool          `json:"verifies"`
	Damage   *Damage       `json:"damage,omitempty"`
}

// EnvelopeView is an envelope without its secrets.
type EnvelopeView struct {
	ObjectID  string            `json:"objectId"`
	SSE       string            `json:"sse"`
	KMSKey    string            `json:"kmsKey"`
	Context   map[string]string `json:"context,omitempty"` // additional pairs
	BucketKey bool              `json:"bucketKey"`
	Copied    bool              `json:"copied"`
	Multipart bool              `json:"multipart"`
	Bytes     int               `json:"bytes"`
	BlobBytes int               `json:"blobBytes"`
	// BlobDigest names the bucket key blob: the beginning of its SHA-256. Objects with one digest depend on one bucket
	// key.
	BlobDigest string `json:"blobDigest"`
}

// Sizes are in bytes.
type Sizes struct {
	Stored  int64 `json:"stored"`
	Plain   int64 `json:"plain"`
	Padding int64 `json:"padding"`
	Trailer int64 `json:"trailer"`
}

// PartView is one part; offsets and lengths are in bytes.
type PartView struct {
	Offset       int64  `json:"offset"`
	Length       int64  `json:"length"`
	StoredOffset int64  `json:"storedOffset"`
	StoredLength int64  `json:"storedLength"`
	Segments     int64  `json:"segments"`
	Checksum     string `json:"checksum,omitempty"` // its algorithm
}

// ChecksumView says which checksum the object has, and its value: who may open the object may see it.
type ChecksumView struct {
	Algorithm string `json:"algorithm"`
	Type      string `json:"type"`
	Value     string `json:"value"`    // hexadecimal
	From      string `json:"sealedIn"` // envelope or trailer
}

// Inspect looks at one object and reads all of it. An object that isn't whole is described as far as it goes, with
// ErrFound.
func (in *Installation) Inspect(ctx context.Context, t Target) (*Inspection, error) {
	p, err := in.place(ctx, t.Bucket)
	if err != nil {
		return nil, err
	}
	var v *Inspection
	err = again(func() error {
		v = &Inspection{URI: t.URI()}
		return p.inspect(ctx, t.Key, v)
	})
	var d *Damage
	if errors.As(err, &d) {
		v.Damage = d
		return v, ErrFound
	}
	v.Verifies = err == nil
	return v, err
}

func (p *place) inspect(ctx context.Context, key string, v *Inspection) error {
	x := p.object(key)
	if a, err := do(ctx, p.Store, x.NewRequest("HeadObject", "HEAD")); err == nil {
		v.ETag = string(a.Get("Etag"))
		if s, err := x.ReadSealed(a); err == nil {
			v.Envelope = viewEnvelope(s.Envelope, len(a.Get(p.MetadataHeader)))
			v.Opens = "KMS Decrypt with " + s.Envelope.KeyARN + " and the context of " + p.facts.ARN
		}
		a.Close()
	}
	f, err := p.fetch(ctx, key)
	if err != nil {
		return err
	}
	defer f.close()
	v.ETag, v.Envelope = f.ETag, viewEnvelope(f.Envelope, len(f.answer.Get(p.MetadataHeader)))
	v.Sizes = &Sizes{Stored: f.Stored(), Plain: f.Length}
	v.showChecksum(f.Secrets.Checksum, "envelope")
	err = f.read()
	if t := f.Trailer(); t != nil {
		v.Sizes.Padding, v.Sizes.Trailer = t.Padding(), t.SealedLength()
		v.showChecksum(t.Checksum, "trailer")
	}
	if layout := f.Layout(); layout != nil {
		for i := range layout.Parts() {
			part := layout.Part(i)
			view := PartView{
				Offset: part.Plain, Length: part.Length, StoredOffset: part.Stored, StoredLength: part.SealedLength,
				Segments: (part.SealedLength - part.Length) / crypto.TagSize,
			}
			if t := f.Trailer(); t != nil {
				view.Checksum = t.Parts[i].Algorithm.String()
			}
			v.Parts = append(v.Parts, view)
		}
	}
	return err
}

func viewEnvelope(e *crypto.Envelope, size int) *EnvelopeView {
	return &EnvelopeView{
		ObjectID: hex.EncodeToString(e.ObjectID[:]), SSE: e.SSE.String(), KMSKey: e.KeyARN, Context: e.ContextMap(),
		BucketKey: e.BucketKey, Copied: e.Copied, Multipart: e.Multipart, Bytes: size, BlobBytes: len(e.Blob),
		BlobDigest: blobDigest(e.Blob),
	}
}

func (v *Inspection) showChecksum(c *crypto.Checksum, from string) {
	if c != nil && v.Checksum == nil {
		v.Checksum = &ChecksumView{c.Algorithm.String(), c.Type.String(), hex.EncodeToString(c.Value), from}
	}
}
