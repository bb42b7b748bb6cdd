package tools

import (
	"context"
	"fmt"
	"io"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
)

// File is a stored object outside of its store: its sealed bytes, and what the store kept beside them.
type File struct {
	Bucket   policy.Bucket // see FactsOfARN
	Key      string
	Envelope string // the metadata header's value
	Bytes    io.ReaderAt
	Size     int64
}

// FactsOfARN is what a bucket's ARN alone tells of a bucket. Without its record nothing binds it to a KMS key, so any
// key of account is believed, or what the locks allow; kmsKey, if not empty, is the only one beside the service key.
func FactsOfARN(arn, account, kmsKey string) (policy.Bucket, error) {
	fields := strings.SplitN(arn, ":", 6)
	if len(fields) != 6 || fields[0] != "arn" || fields[2] != "s3" && fields[2] != "s3express" || fields[5] == "" {
		return policy.Bucket{}, fmt.Errorf("%w: %q is not the ARN of a bucket", ErrUsage, arn)
	}
	b := policy.Bucket{ARN: arn, Kind: policy.General, Name: strings.TrimPrefix(fields[5], "bucket/"), Region: fields[3], Account: account}
	if fields[2] == "s3express" {
		b.Kind, b.Account = policy.Directory, fields[4]
	}
	b.BoundKey = kmsKey
	return b, nil
}

// unlockFile opens the envelope of a file. Where no record and no flag binds a directory bucket to a key, its key is
// believed by the account, as a general purpose bucket's is.
func (l *Locks) unlockFile(ctx context.Context, f *File, e *crypto.Envelope) (crypto.Secrets, error) {
	bucket := f.Bucket
	if bucket.Kind == policy.Directory && bucket.BoundKey == "" && e.SSE == crypto.SSEKMS {
		general := bucket
		general.Kind = policy.General
		if err := l.believe(&general, e); err != nil {
			return crypto.Secrets{}, err
		}
		bucket.BoundKey = e.KeyARN
	}
	if bucket.Kind == policy.General && bucket.BoundKey != "" && e.SSE == crypto.SSEKMS && e.KeyARN != bucket.BoundKey {
		return crypto.Secrets{}, damagef("key", "its envelope names the KMS key %s, not %s", e.KeyARN, bucket.BoundKey)
	}
	return l.unlock(ctx, &bucket, f.Key, e)
}

// Open writes the file's plaintext to out: nothing before envelope, size and trailer have been checked, then each
// segment as soon as its tag has been. After an error what was written is a true prefix, unless the error is a Damage of kind
// padding: the plaintext is whole then. Only the key service is asked.
func (l *Locks) Open(ctx context.Context, f *File, out io.Writer) error {
	e, err := crypto.ParseEnvelopeText([]byte(f.Envelope))
	if err != nil {
		return ofFormat("envelope", err)
	}
	secrets, err := l.unlockFile(ctx, f, e)
	if err != nil {
		return err
	}
	o, err := newObject(e, secrets, f.Size)
	if err != nil {
		return err
	}
	defer o.wipe()
	if err := o.readTrailer(func(n int64) ([]byte, error) {
		end := make([]byte, min(n, f.Size))
		_, err := f.Bytes.ReadAt(end, f.Size-int64(len(end)))
		if err == io.EOF {
			err = nil
		}
		return end, err
	}); err != nil {
		return err
	}
	return o.read(io.NewSectionReader(f.Bytes, 0, f.Size), func(plaintext []byte) error {
		if _, err := out.Write(plaintext); err != nil {
			return fmt.Errorf("write the plaintext: %w", err)
		}
		return nil
	})
}
