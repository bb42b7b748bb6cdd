package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"sealfront/crypto/awskms"
	"sealfront/proxy/config"
	"sealfront/proxy/instance"
	"sealfront/proxy/metrics"
)

// storeAndKMS tries those that aren't embedded, and returns the store's abilities.
func (k *checkup) storeAndKMS(ctx context.Context) (abilities string) {
	c := k.c
	if c.Store.Kind == "s3" || c.Store.Kind == "directory" {
		found, err := tryStore(ctx, c)
		var faults config.Faults
		switch {
		case errors.As(err, &faults):
			k.faults = append(k.faults, faults...)
		case err != nil:
			k.fault("store", "tried %s: %v%s", c.Store.Endpoint, err, advice(err))
		default:
			abilities = found
		}
	}
	if c.KMS.Kind == "aws" {
		if path, err := tryKMS(ctx, c); err != nil {
			endpoint := cmp.Or(c.KMS.Endpoint, "AWS KMS in "+cmp.Or(c.KMS.Region, c.Region))
			k.fault(path, "tried %s: %v%s", endpoint, err, advice(err))
		}
	}
	return abilities
}

// tryStore probes the store as a start does.
func tryStore(ctx context.Context, c *config.Config) (abilities string, err error) {
	s, err := instance.OpenStorage(ctx, c, nil, metrics.New(), instance.Options{})
	if err != nil {
		return "", err
	}
	defer func() { _ = s.Close() }()
	if err := s.Probe(ctx, c); err != nil {
		return "", err
	}
	return s.Abilities.String(), nil
}

// tryKMS does with the service key what a start does: describes it, generates a data key and decrypts it.
func tryKMS(ctx context.Context, c *config.Config) (path string, err error) {
	if c.KMS.CA != "" {
		if _, err := instance.ReadPool(c.KMS.CA); err != nil {
			return "kms.ca", err
		}
	}
	k, err := instance.OpenKeyService(ctx, c, nil)
	if err != nil {
		return "kms", err
	}
	defer func() { _ = k.Close() }()
	if _, state, _, _, _, err := k.Client.DescribeKey(ctx, k.ServiceKey); err != nil {
		return "kms.service_key", fmt.Errorf("kms:DescribeKey: %w", err)
	} else if state != "Enabled" {
		return "kms.service_key", fmt.Errorf("the key is in state %s: enable it, or cancel its deletion", state)
	}
	return "kms.service_key", tryKey(ctx, k.Client, k.ServiceKey)
}

func tryKey(ctx context.Context, kms *awskms.Client, key string) error {
	about := map[string]string{"sealfront": "config check"}
	plaintext, blob, err := kms.GenerateDataKey(ctx, key, about)
	clear(plaintext)
	if err != nil {
		return fmt.Errorf("kms:GenerateDataKey: %w", err)
	}
	if plaintext, err = kms.Decrypt(ctx, key, blob, about); err != nil {
		return fmt.Errorf("kms:Decrypt: %w", err)
	}
	clear(plaintext)
	return nil
}
