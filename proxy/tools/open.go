package tools

import (
	"context"
	"fmt"
	"io"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
)

// File is a stored object outside of its store: its sealed bytes, and the envelope that the store kept with them.
type File struct {
	Bucket   policy.Bucket // see FactsOfARN
	Key      string
	Envelope string // the metadata header's value
	Bytes    io.ReaderAt
	Size     int64
}

// FactsOfARN is what is known of a bucket by its ARN alone. Without its record nothing binds it to a KMS key, so any
// key of account is allowed, or those of kms.allowed_keys; kmsKey, if not empty, is the only one besides the service
// key.
func FactsOfARN(arn, account, kmsKey string) (policy.Bucket, error) {
	fields := strings.SplitN(arn, ":", 6)
	if len(fields) != 6 || fields[0] != "arn" || fields[2] != "s3" && fields[2] != "s3express" || fields[5] == "" {
		return policy.Bucket{}, fmt.Errorf("%w: %q is not the ARN of a bucket", ErrUsage, arn)
	}
	b := policy.Bucket{
		ARN: arn, Kind: policy.General, Name: strings.TrimPrefix(fields[5], "bucket/"), Region: fields[3], Account: account,
	}
	if fields[2] == "s3express" {
		b.Kind, b.Account = policy.Directory, fields[4]
	}
	b.BoundKey = kmsKey
	return b, nil
}

// Open writes the file's plaintext to out: nothing before envelope, size and trailer have been checked, then each
// segment as soon as its tag has been. After an error what was written is a true prefix, unless the error is a Damage
// of kind padding: the plaintext is whole then. Of what g is made of only the key service is called.
func Open(ctx context.Context, g *objects.Objects, f *File, out io.Writer) error {
	x := &objects.Object{
		Objects: g, Bucket: f.Bucket.Name, Key: f.Key, Facts: f.Bucket, Prepared: new(objects.PreparedRef),
	}
	bindKey(x, f.Envelope)
	may := func(keyARN string) error {
		if bound := f.Bucket.BoundKey; f.Bucket.Kind == policy.General && bound != "" && keyARN != bound {
			return damagef("key", "its envelope names the KMS key %s, not %s", keyARN, bound)
		}
		return nil
	}
	stored := &objects.File{Envelope: f.Envelope, Bytes: f.Bytes, Size: f.Size}
	opened, err := x.OpenFile(ctx, stored, may)
	if err != nil {
		return inWords(err)
	}
	defer opened.Secrets.Wipe()
	return inWords(x.ReadWhole(opened, stored.Body(), func(plaintext []byte) error {
		if _, err := out.Write(plaintext); err != nil {
			return fmt.Errorf("write the plaintext: %w", err)
		}
		return nil
	}))
}

// bindKey binds a directory bucket that no record and no flag binds to a KMS key to the one that the envelope names, if
// a general purpose bucket of its account could have it.
func bindKey(x *objects.Object, envelope string) {
	e, err := crypto.ParseEnvelopeText([]byte(envelope))
	if err != nil || e.SSE != crypto.SSEKMS || x.Facts.Kind != policy.Directory || x.Facts.BoundKey != "" {
		return
	}
	general := *x
	general.Facts.Kind = policy.General
	if general.KeyAllowed(policy.SSEKMS, e.KeyARN) {
		x.Facts.BoundKey = e.KeyARN
	}
}
