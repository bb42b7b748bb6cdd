package gateway

import (
	"context"
	"errors"
	"net/http"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// deleteBucket carries out DeleteBucket. The store decides whether its bucket is empty, the records whether uploads are
// in progress. Uploads prevent the deletion of a directory bucket. They end with a general purpose bucket, and the
// janitor removes their records.
func deleteBucket(x *exchange) error {
	inProgress := false
	if x.Record.Directory {
		if err := x.g.o.Uploads.OpenUploads(x.context, x.Record, "", "",
			func(*state.OpenUpload) (string, bool) { inProgress = true; return "", false }); err != nil {
			return objects.RecordError(err)
		}
	}
	if inProgress {
		return s3.Refuse("BucketNotEmpty", "The bucket you tried to delete has multipart uploads in progress", "BucketName",
			x.Bucket)
	}
	err := x.g.o.Buckets.DeleteBucket(x.context, x.Bucket, func(ctx context.Context, b *state.Bucket) error {
		a, err := x.g.o.Store.Do(ctx, &store.Request{Operation: "DeleteBucket", Method: "DELETE", Bucket: b.StoreName})
		if err != nil {
			return err
		}
		defer a.Close()
		if f := a.Fault("DeleteBucket"); f != nil && f.Status != http.StatusNotFound {
			return objects.StoreError(f, x.Bucket, "")
		}
		return nil
	})
	if errors.Is(err, state.ErrNoBucket) {
		return s3.NoSuchBucket(x.Bucket)
	}
	if err != nil {
		return err
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}

// headBucket carries out HeadBucket from the record.
func headBucket(x *exchange) error {
	h := &x.ctx.Response.Header
	h.Set("x-amz-bucket-region", x.Record.Region)
	if x.Record.Directory {
		h.Set("x-amz-bucket-arn", x.Record.ARN)
		h.Set("x-amz-bucket-location-name", x.Record.Zone)
		kind := "AvailabilityZone"
		if x.Record.LocalZone {
			kind = "LocalZone"
		}
		h.Set("x-amz-bucket-location-type", kind)
	}
	h.Set("x-amz-access-point-alias", "false")
	x.ctx.Response.SkipBody = true
	return nil
}

func (x *exchange) updateError(err error) error {
	switch {
	case errors.Is(err, state.ErrNoBucket):
		return s3.NoSuchBucket(x.Bucket)
	case errors.Is(err, state.ErrRecord):
		return objects.RecordError(err)
	}
	return err
}
