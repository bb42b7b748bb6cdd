package gateway

import (
	"net/http"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

const (
	transitionSizeHeader = "x-amz-transition-default-minimum-object-size"
	usualTransitionSize  = "all_storage_classes_128K"
)

// transitionSize is the smallest object that a lifecycle moves, by the request's header: one of two words. No rule
// moves any here.
func (x *exchange) transitionSize() (string, error) {
	if x.Operation != policy.PutBucketLifecycleConfiguration || x.Facts.Kind != policy.General {
		return "", nil
	}
	switch size := x.grant.Value(transitionSizeHeader); size {
	case "", usualTransitionSize:
		return "", nil
	case "varies_by_storage_class":
		return size, nil
	default:
		return "", s3.InvalidArgument(transitionSizeHeader, size, "Invalid TransitionDefaultMinimumObjectSize found: "+size)
	}
}

// recordTransitionSize records it with a lifecycle that the store has accepted, and shows it in the answer.
func (x *exchange) recordTransitionSize(size string) error {
	if x.Facts.Kind != policy.General {
		return nil
	}
	switch x.Operation {
	case policy.GetBucketLifecycleConfiguration:
		record, err := x.setting()
		if err != nil {
			return err
		}
		size = record.TransitionSize
	case policy.PutBucketLifecycleConfiguration, policy.DeleteBucketLifecycle:
		record, err := x.setting()
		if err != nil {
			return err
		}
		if record.TransitionSize != size {
			if err := x.changeSetting(http.StatusOK, func(b *state.Bucket) { b.TransitionSize = size }); err != nil {
				return err
			}
		}
		if x.Operation == policy.DeleteBucketLifecycle {
			return nil
		}
	default:
		return nil
	}
	if size == "" {
		size = usualTransitionSize
	}
	x.show(transitionSizeHeader, size)
	return nil
}
