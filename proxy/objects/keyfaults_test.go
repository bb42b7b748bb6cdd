package objects_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/proxy/objects"
	"sealfront/proxy/state"
)

// countdown fails one call among others.
type countdown struct {
	mu    sync.Mutex
	left  int
	err   error
	calls int
}

func (c *countdown) start(n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.err, c.calls = n, err, 0
}

func (c *countdown) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.left--; c.left == -1 {
		return c.err
	}
	return nil
}

// met reports whether the call was made.
func (c *countdown) met() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left < 0
}

// failingKeys are bucket keys of which one use fails.
type failingKeys struct {
	objects.BucketKeys
	countdown *countdown
}

func (k failingKeys) SealPrepared(ctx context.Context, ref *keyring.Prepared) (*keyring.Use, error) {
	if err := k.countdown.failed(); err != nil {
		return nil, err
	}
	return k.BucketKeys.SealPrepared(ctx, ref)
}

func (k failingKeys) OpenPrepared(ctx context.Context, ref *keyring.Prepared, blob []byte) (*keyring.Use, error) {
	if err := k.countdown.failed(); err != nil {
		return nil, err
	}
	return k.BucketKeys.OpenPrepared(ctx, ref, blob)
}

func (k failingKeys) SealAfterCall(ctx context.Context, ref *keyring.Prepared) (*keyring.Use, error) {
	if err := k.countdown.failed(); err != nil {
		return nil, err
	}
	return k.BucketKeys.SealAfterCall(ctx, ref)
}

func (k failingKeys) SealFresh(ctx context.Context, ref keyring.Ref) (*keyring.Use, error) {
	if err := k.countdown.failed(); err != nil {
		return nil, err
	}
	return k.BucketKeys.SealFresh(ctx, ref)
}

func (k failingKeys) OpenFresh(ctx context.Context, ref keyring.Ref, blob []byte) (*keyring.Use, error) {
	if err := k.countdown.failed(); err != nil {
		return nil, err
	}
	return k.BucketKeys.OpenFresh(ctx, ref, blob)
}

// failingState is a state of which one call fails.
type failingState struct {
	*state.State
	countdown *countdown
}

func (s failingState) Claim(ctx context.Context, b *state.Bucket, what string, keys ...string) (*state.Claim, error) {
	if err := s.countdown.failed(); err != nil {
		return nil, err
	}
	return s.State.Claim(ctx, b, what, keys...)
}

func (s failingState) CreateUpload(ctx context.Context, u state.Upload) error {
	if err := s.countdown.failed(); err != nil {
		return err
	}
	return s.State.CreateUpload(ctx, u)
}

func (s failingState) FreshUpload(ctx context.Context, b *state.Bucket, id string) (*state.Upload, error) {
	if err := s.countdown.failed(); err != nil {
		return nil, err
	}
	return s.State.FreshUpload(ctx, b, id)
}

func (s failingState) AddPart(ctx context.Context, u *state.Upload, r *crypto.PartRecord) error {
	if err := s.countdown.failed(); err != nil {
		return err
	}
	return s.State.AddPart(ctx, u, r)
}

func (s failingState) Parts(
	ctx context.Context, u *state.Upload, after, most int,
) (parts []state.Part, more bool, err error) {
	if err := s.countdown.failed(); err != nil {
		return nil, false, err
	}
	return s.State.Parts(ctx, u, after, most)
}

func (s failingState) EndUpload(ctx context.Context, u *state.Upload, as string, completion *state.Completion) error {
	if err := s.countdown.failed(); err != nil {
		return err
	}
	return s.State.EndUpload(ctx, u, as, completion)
}

// Whenever KMS or a record fails, an operation ends in an error of S3's and the object is the old or the new one.
func TestEachFaultOfKMSAndOfTheRecordsLeavesTheOldOrTheNewObject(t *testing.T) {
	for _, op := range allOperations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			keys, records := new(countdown), new(countdown)
			i := installOver(t, op.store, alone, func(o *objects.Options) {
				if op.change != nil {
					op.change(o)
				}
				o.Keys = failingKeys{o.Keys, keys}
				broken := failingState{o.Uploads.(*state.State), records}
				o.Uploads, o.Claims = broken, broken
			})
			if op.source != nil {
				i.put(t, "source", op.source)
			}
			for _, c := range []struct {
				name  string
				count *countdown
				err   error
				codes []string
			}{
				{"KMS is throttled", keys, kmsError{"ThrottlingException", ""}, []string{"SlowDown"}},
				{
					"the key is disabled", keys,
					kmsError{"DisabledException", ""},
					[]string{"KMS.DisabledException", "ServiceUnavailable"},
				},
				{"a record can't be had", records, state.ErrRecord, []string{"InternalError", "ServiceUnavailable"}},
				{"another operation is at work", records, state.ErrBusy, []string{"SlowDown", "ServiceUnavailable"}},
			} {
				for n := 0; ; n++ {
					key := fmt.Sprint(c.name, " ", n)
					op.prepare(t, i, key)
					c.count.start(n, c.err)
					err := op.run(t.Context(), t, i, key)
					met := c.count.met()
					c.count.start(1<<30, nil)
					what := fmt.Sprintf("%s at call %d", c.name, n)
					i.wantOldOrNew(t, what, &op, key, err, false)
					if err != nil && !slices.Contains(c.codes, objects.Translate(err).Code) {
						t.Errorf("%s: %v, want one of %v", what, err, c.codes)
					}
					i.front.remove(t, things+"-s", key)
					if !met {
						break
					}
				}
			}
		})
	}
}

// A key that is tried must open, too.
func TestAKeyThatOnlySealsFailsItsTrial(t *testing.T) {
	count := new(countdown)
	i := install(t, func(o *objects.Options) { o.Keys = failingKeys{o.Keys, count} })
	count.start(1, kmsError{"AccessDeniedException", ""})
	wantCode(t, "try", i.object(t, "").TryKey(t.Context(), customKey), "AccessDenied")
}
