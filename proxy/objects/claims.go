package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// Claimed runs f while the claims of these keys of x's bucket are held. The context that f
// gets ends with them.
func (x *Object) Claimed(
	ctx context.Context, f func(ctx context.Context, c *state.Claim) error, keys ...string,
) error {
	c, err := x.Objects.o.Claims.Claim(ctx, x.Record, x.Operation.String(), keys...)
	if err != nil {
		return claimError(err)
	}
	defer c.Release()
	if err := x.Objects.inherit(c, x.Record); err != nil {
		return err
	}
	return f(c.Context(), c)
}

// claimError is 503 SlowDown for a key that another operation holds, which every SDK repeats.
func claimError(err error) error {
	return Translate(err).Because(err)
}

// inherit finishes the moves that earlier holders have left. Those that were carried out stay in c.Inherited.
func (g *Objects) inherit(c *state.Claim, b *state.Bucket) error {
	var done []*state.Move
	for _, m := range c.Inherited {
		moved, err := g.finishMove(c.Context(), b, m)
		if err != nil {
			return fmt.Errorf("finish the interrupted rename of %q to %q: %w", m.From, m.To, err)
		}
		g.o.Log.Warn("a rename that was interrupted has been ended", zap.String("bucket", b.Name), zap.String("from", m.From),
			zap.String("to", m.To), zap.Bool("moved", moved))
		if moved {
			done = append(done, m)
		}
		c.End(b, m.From)
	}
	c.Inherited = done
	return nil
}

// FinishMove ends a rename whose replica has gone. The sweep of claims calls it.
func (g *Objects) FinishMove(ctx context.Context, bucket string, m *state.Move) error {
	b, err := g.o.Buckets.FreshBucket(ctx, bucket)
	if errors.Is(err, state.ErrNoBucket) {
		return nil // its objects have gone with it
	}
	if err == nil {
		_, err = g.finishMove(ctx, b, m)
	}
	return err
}

// finishMove deletes the original if the copy is in place, and nothing otherwise: then both names stay as they are.
// moved tells that the copy is in place and the original isn't any more.
func (g *Objects) finishMove(ctx context.Context, b *state.Bucket, m *state.Move) (moved bool, err error) {
	to, err := g.Head(ctx, b.StoreName, m.To)
	if err != nil || to.WrapSalt() != string(m.ToSalt) {
		return false, err
	}
	from, err := g.Head(ctx, b.StoreName, m.From)
	if err != nil {
		return false, err
	}
	if from.WrapSalt() != string(m.FromSalt) {
		return true, nil
	}
	r := &store.Request{Operation: "DeleteObject", Method: "DELETE", Bucket: b.StoreName, Key: m.From}
	if g.o.Abilities.ConditionalDelete {
		r.Header = []sigv4.Field{{Name: []byte("If-Match"), Value: []byte(from.etag)}}
	}
	a, err := g.o.Store.Do(ctx, r)
	if err != nil {
		return false, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil && f.Status != http.StatusNotFound &&
		f.Status != http.StatusPreconditionFailed {
		return false, f
	}
	return true, nil
}

// entry is what the store shows at a key.
type entry struct {
	etag     string           // the store's; "" when there is no object
	envelope *crypto.Envelope // nil when there is none, or when it isn't sealed
}

func (s *entry) WrapSalt() string {
	if s.envelope == nil {
		return ""
	}
	return string(s.envelope.WrapSalt[:])
}

// Head asks the store for what is at a key, whatever it is. That there is nothing is no error.
func (g *Objects) Head(ctx context.Context, bucket, key string) (entry, error) {
	r := &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: bucket, Key: key}
	a, err := g.o.Store.Do(ctx, r)
	if err != nil {
		return entry{}, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if f.Status == http.StatusNotFound && f.Code != "NoSuchBucket" {
			return entry{}, nil
		}
		return entry{}, f
	}
	seen := entry{etag: string(a.Get("Etag"))}
	if e, err := crypto.ParseEnvelopeText(a.Get(g.o.MetadataHeader)); err == nil {
		seen.envelope = e
	}
	return seen, nil
}

// stands returns errReplaced when the object isn't the one any more that was read: by its ETag, and by the salt of its
// envelope, which never comes back.
func (x *Object) stands(ctx context.Context, s *Sealed) error {
	now, err := x.Objects.Head(ctx, x.Record.StoreName, x.Key)
	switch {
	case err != nil:
		return x.storeFailed(err)
	case now.etag != s.ETag || now.WrapSalt() != string(s.Envelope.WrapSalt[:]):
		return ErrReplaced
	}
	return nil
}

// storeFailed translates what head returns.
func (x *Object) storeFailed(err error) error {
	var f *store.Fault
	if errors.As(err, &f) {
		return StoreError(f, x.Bucket, x.Key)
	}
	return err
}
