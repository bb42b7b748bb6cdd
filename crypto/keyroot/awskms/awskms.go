package awskms

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"sealfront/crypto/awskms"
	"sealfront/crypto/keyroot"
)

// A Root wraps keys by a KMS key. It is safe for concurrent use.
type Root struct {
	client *awskms.Client
	key    string
}

var _ keyroot.Root = (*Root)(nil)

const (
	identityPrefix = "awskms:"
	keySize        = 32
	maxBlob        = 6144 // bytes; KMS takes no longer ones
)

// Open makes a root. It calls nobody, except where the AWS default chain looks for credentials. Faults of c are
// returned as keyroot.Faults.
func Open(ctx context.Context, c Config) (*Root, error) {
	if err := c.Faults().Err(); err != nil {
		return nil, err
	}
	o := awskms.Options{
		Region: c.region(), Endpoint: c.Endpoint, AccessKey: c.AccessKey, RoleARN: c.RoleARN, STSEndpoint: c.STSEndpoint,
		CAFile: c.CA, Timeout: c.Timeout,
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if c.AccessKey != "" {
		var err error
		if o.SecretKey, err = c.SecretKey.Read(); err != nil {
			return nil, fmt.Errorf("read the secret key for KMS: %w", err)
		}
	}
	client, err := awskms.New(ctx, o)
	if err != nil {
		return nil, err
	}
	return &Root{client: client, key: c.KeyARN}, nil
}

// Identity is awskms: and the key's ARN.
func (r *Root) Identity() string { return identityPrefix + r.key }

// contextOf is the encryption context of a key with this name. CloudTrail shows it, so a plain name stands there as it
// is, and another by its digest.
func contextOf(name string) map[string]string {
	const digestPrefix = "sha256:"
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	if name == "" || len(name) > 256 || strings.HasPrefix(name, digestPrefix) || strings.ContainsFunc(name, odd) {
		digest := sha256.Sum256([]byte(name))
		name = digestPrefix + hex.EncodeToString(digest[:])
	}
	return map[string]string{"sealfront": "root", "name": name}
}

// Wrap has KMS encrypt key.
func (r *Root) Wrap(ctx context.Context, name string, key *[keySize]byte) ([]byte, error) {
	blob, err := r.client.Encrypt(ctx, r.key, key[:], contextOf(name))
	if err != nil {
		return nil, r.explain("wrap a key", err)
	}
	return blob, nil
}

// Unwrap has KMS decrypt wrapped, by this one key.
func (r *Root) Unwrap(ctx context.Context, name string, wrapped []byte, key *[keySize]byte) error {
	if len(wrapped) == 0 || len(wrapped) > maxBlob {
		return keyroot.ErrWrong
	}
	plain, err := r.client.Decrypt(ctx, r.key, wrapped, contextOf(name))
	defer clear(plain)
	if err != nil {
		return r.explain("unwrap a key", err)
	}
	if len(plain) != keySize {
		return keyroot.ErrWrong // KMS opened it, so somebody encrypted something else by this key
	}
	copy(key[:], plain)
	return nil
}

// explain says what was tried, and tells a blob that isn't the key's from everything that an operator can put right.
func (r *Root) explain(what string, err error) error {
	coded, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err)
	if ok {
		switch coded.ErrorCode() {
		case "InvalidCiphertextException", "IncorrectKeyException":
			return fmt.Errorf("%w: KMS says %s", keyroot.ErrWrong, coded.ErrorCode())
		case "AccessDeniedException":
			return fmt.Errorf("%s by %s: the caller needs kms:Encrypt and kms:Decrypt on it: %w", what, r.key, err)
		case "DisabledException", "KMSInvalidStateException":
			return fmt.Errorf("%s by %s: enable the key, or cancel its deletion: %w", what, r.key, err)
		}
	}
	return fmt.Errorf("%s by %s: %w", what, r.key, err)
}

// Well wraps a key of no use and unwraps it.
func (r *Root) Well(ctx context.Context) error {
	const name = "well"
	var key, got [keySize]byte
	_, _ = rand.Read(key[:])
	wrapped, err := r.Wrap(ctx, name, &key)
	if err != nil {
		return err
	}
	if err := r.Unwrap(ctx, name, wrapped, &got); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(key[:], got[:]) != 1 {
		return fmt.Errorf("%s doesn't open what it wrapped", r.key)
	}
	return nil
}

// Close does nothing: connections that are kept end by their own time.
func (r *Root) Close() error { return nil }
