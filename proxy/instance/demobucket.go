package instance

import (
	"context"
	"errors"
	"fmt"

	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// DemoBucket is the directory bucket that an embedded program starts with.
const DemoBucket = "demo--local-az1--x-s3"

// makeDemoBucket makes the directory bucket of the quick start, with SSE-KMS as its default.
func (i *Instance) makeDemoBucket(ctx context.Context) error {
	c, key := i.Config, i.Data.BucketKMSKey
	name := c.Store.BucketPrefix + DemoBucket
	_, err := i.State.CreateBucket(ctx, state.Bucket{
		Name: DemoBucket, Directory: true, ARN: policy.BucketARN(DemoBucket, c.Region, c.Account), Account: c.Account,
		Region: c.Region,
		Zone:   "local-az1", StoreName: name, Creator: "local",
		DefaultKMS: true, DefaultKey: key, KeyAsGiven: key, BoundKey: key, BucketKey: true,
	}, func(ctx context.Context) error {
		if err := i.Storage.Client.CreateBucket(ctx, name, false); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
		return nil
	})
	if errors.Is(err, state.ErrBucketExists) || errors.Is(err, state.ErrAborted) {
		return nil // made at an earlier start, or deleted a moment ago
	}
	if err != nil {
		return fmt.Errorf("make the bucket %s: %w", DemoBucket, err)
	}
	return nil
}
