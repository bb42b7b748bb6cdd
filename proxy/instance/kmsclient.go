package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sealfront/crypto/awskms"
	"sealfront/proxy/breaker"
)

// A KMSClient calls KMS, and doesn't while KMS hangs.
type KMSClient struct {
	kms     *awskms.Client
	timeout time.Duration // of a call
	breaker *breaker.Breaker
}

func newKMSClient(kms *awskms.Client, timeout time.Duration) *KMSClient {
	return &KMSClient{kms: kms, timeout: timeout, breaker: breaker.New()}
}

// guard makes a call, unless KMS hangs. Any error with a name is an answer of KMS.
func (c *KMSClient) guard(ctx context.Context, call func() error) error {
	if err := c.breaker.Allow(); err != nil {
		return fmt.Errorf("KMS hangs: %w", err)
	}
	start := time.Now()
	err := call()
	now := time.Now()
	var coded interface{ ErrorCode() string }
	switch {
	case err == nil || errors.As(err, &coded) && coded.ErrorCode() != "":
		c.breaker.Heard(nil, start, now)
	case now.Sub(start) >= c.timeout*9/10:
		c.breaker.Failed(breaker.Hanging, err, start)
	case ctx.Err() == nil: // otherwise whoever wanted it has left, or had less time
		c.breaker.Failed(breaker.Away, err, start)
	}
	return err
}

// GenerateDataKey is awskms.Client's.
func (c *KMSClient) GenerateDataKey(
	ctx context.Context, keyID string, encryptionContext map[string]string,
) (plaintext, blob []byte, err error) {
	err = c.guard(ctx, func() (err error) {
		plaintext, blob, err = c.kms.GenerateDataKey(ctx, keyID, encryptionContext)
		return err
	})
	return plaintext, blob, err
}

// Decrypt is awskms.Client's.
func (c *KMSClient) Decrypt(
	ctx context.Context, keyID string, blob []byte, encryptionContext map[string]string,
) (plaintext []byte, err error) {
	err = c.guard(ctx, func() (err error) {
		plaintext, err = c.kms.Decrypt(ctx, keyID, blob, encryptionContext)
		return err
	})
	return plaintext, err
}

// DescribeKey is awskms.Client's.
func (c *KMSClient) DescribeKey(
	ctx context.Context, keyID string,
) (arn, state, manager, spec, usage string, err error) {
	err = c.guard(ctx, func() (err error) {
		arn, state, manager, spec, usage, err = c.kms.DescribeKey(ctx, keyID)
		return err
	})
	return arn, state, manager, spec, usage, err
}

// Health is how KMS has answered of late. It costs no call.
func (c *KMSClient) Health() breaker.Health { return c.breaker.Health() }

// DisableKey is awskms.Client's.
func (c *KMSClient) DisableKey(ctx context.Context, keyID string) error {
	return c.guard(ctx, func() error { return c.kms.DisableKey(ctx, keyID) })
}

// ScheduleKeyDeletion is awskms.Client's.
func (c *KMSClient) ScheduleKeyDeletion(ctx context.Context, keyID string, days int) (date time.Time, err error) {
	err = c.guard(ctx, func() error {
		date, err = c.kms.ScheduleKeyDeletion(ctx, keyID, days)
		return err
	})
	return date, err
}
