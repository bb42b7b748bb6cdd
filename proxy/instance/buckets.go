package instance

import (
	"cmp"
	"context"
	"time"

	"sealfront/proxy/config"
	"sealfront/proxy/state"
	"sealfront/proxy/status"
)

// listTimeout bounds how long the list of buckets is read for the status page, which doesn't wait for it.
const listTimeout = 10 * time.Second

// HealthEvery is how often store and KMS are asked how they are.
func (i *Instance) HealthEvery() time.Duration { return cmp.Or(i.options.HealthEvery, 10*time.Second) }

// Buckets lists the first buckets for the status page, and reports whether there are more than limit.
func (i *Instance) Buckets(ctx context.Context, limit int) (list []status.Bucket, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	err = i.State.Buckets(ctx, func(b *state.Bucket) bool {
		if more = len(list) == limit; !more {
			list = append(list, shownBucket(b, i.Config, i.KMS.ServiceKey))
		}
		return !more
	})
	return list, more, err
}

func shownBucket(b *state.Bucket, c *config.Config, serviceKey string) status.Bucket {
	shown := status.Bucket{Name: b.Name, Kind: "general purpose", Default: "SSE-S3", Key: b.BoundKey}
	if b.Directory {
		shown.Kind = "directory"
	}
	switch {
	case b.DefaultKMS:
		shown.Default, shown.Key = "SSE-KMS", b.DefaultKey
	case !b.Directory && !b.Configured && c.GeneralPurpose.DefaultEncryption == "aws:kms":
		shown.Default, shown.Key = "SSE-KMS", serviceKey
	}
	return shown
}
