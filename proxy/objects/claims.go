package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// Claimed runs f while it holds the claims of these keys of x's bucket. f's context ends with them.
func (x *Object) Claimed(
	ctx context.Context, f func(ctx context.Context, c *state.Claim) error, keys ...string,
) error {
	c, err := x.Objects.o.Claims.Claim(ctx, x.Record, x.Operation.String(), keys...)
	if err != nil {
		return claimError(err)
	}
	defer c.Release()
	if err := x.Objects.finishMoves(c, x.Record); err != nil {
		return err
	}
	return f(c.Context(), c)
}

// claimError is 503 SlowDown for a key that another operation holds, which every SDK repeats.
func claimError(err error) error {
	return Translate(err).Because(err)
}

// finishMoves finishes the moves that earlier holders left unfinished. Those that were carried out stay in c.Inherited.
func (g *Objects) finishMoves(c *state.Claim, b *state.Bucket) error {
	var done []*state.Move
	for _, m := range c.Inherited {
		moved, err := g.finishMove(c.Context(), b, m)
		if err != nil {
			return fmt.Errorf("finish the interrupted rename of %q to %q: %w", m.From, m.To, err)
		}
		g.o.Log.Warn("finished an interrupted rename", zap.String("bucket", b.Name), zap.String("from", m.From),
			zap.String("to", m.To), zap.Bool("moved", moved))
		if moved {
			done = append(done, m)
		}
		c.End(b, m.From)
	}
	c.Inherited = done
	return nil
}

// FinishMove finishes a rename whose replica is gone. The sweep of claims calls it.
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

// finishMove deletes the original if the copy is in place; otherwise both names stay as they are. moved reports that
// the copy is in place and the original is gone.
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
	switch f := a.Fault(r.Operation); {
	case f == nil, f.Status == http.StatusNotFound:
		return true, nil
	case f.Status != http.StatusPreconditionFailed:
		return false, f
	default: // replaced, unless the store has shown a wrong ETag
		if from, err = g.Head(ctx, b.StoreName, m.From); err == nil && from.WrapSalt() == string(m.FromSalt) {
			err = s3.Internal(errSourceKept)
		}
		return err == nil, err
	}
}

// errSourceKept is a store's refusal to delete the source of a rename, which still is the object that was copied.
var errSourceKept = errors.New("the store refuses to delete the source of a rename")

// Entry is what the store shows at a key.
type Entry struct {
	etag     string           // the store's; "" when there is no object
	envelope *crypto.Envelope // nil when there is none, or when it isn't sealed
}

// WrapSalt returns the salt of the object's envelope, which no two writes share; "" when there is no envelope.
func (s *Entry) WrapSalt() string {
	if s.envelope == nil {
		return ""
	}
	return string(s.envelope.WrapSalt[:])
}

// Head reads what the store holds at a key. An absent object is no error.
func (g *Objects) Head(ctx context.Context, bucket, key string) (Entry, error) {
	r := &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: bucket, Key: key}
	a, err := g.o.Store.Do(ctx, r)
	if err != nil {
		return Entry{}, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if f.Status == http.StatusNotFound && f.Code != "NoSuchBucket" {
			return Entry{}, nil
		}
		return Entry{}, f
	}
	seen := Entry{etag: string(a.Get("Etag"))}
	if e, err := crypto.ParseEnvelopeText(a.Get(g.o.MetadataHeader)); err == nil {
		seen.envelope = e
	}
	return seen, nil
}

// checkUnchanged returns ErrReplaced when the object is no longer the one that was read: by its ETag, and by the salt
// of its envelope, which never repeats.
func (x *Object) checkUnchanged(ctx context.Context, s *Sealed) error {
	now, err := x.Objects.Head(ctx, x.Record.StoreName, x.Key)
	switch {
	case err != nil:
		return x.storeFailed(err)
	case now.etag != s.ETag || now.WrapSalt() != string(s.Envelope.WrapSalt[:]):
		return ErrReplaced
	}
	return nil
}

// storeFailed translates Head's error.
func (x *Object) storeFailed(err error) error {
	var f *store.Fault
	if errors.As(err, &f) {
		return StoreError(f, x.Bucket, x.Key)
	}
	return err
}
