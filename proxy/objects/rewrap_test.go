package objects_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// rewrap gives the object at a key another envelope, under its claim.
func rewrap(
	ctx context.Context, x *objects.Object, e policy.Encryption, kept ...sigv4.Field,
) (inForce *crypto.Envelope, err error) {
	err = x.Claimed(ctx, func(ctx context.Context, _ *state.Claim) error {
		from, err := x.HeadWithTail(ctx)
		if err != nil {
			return err
		}
		inForce, err = from.Rewrap(ctx, e, kept, anyone)
		return err
	}, x.Key)
	return inForce, err
}

// Each way of a rewrap replaces the object in one conditional step: the same plaintext under another envelope, with its
// metadata and what is kept besides.
func TestRewrapReplacesTheEnvelopeAlone(t *testing.T) {
	t.Parallel()
	const small, large = 100, 400_000
	for _, c := range []struct {
		name   string
		size   int
		change func(o *objects.Options)
		ways   []string // requests that write
	}{
		{"empty", 0, nil, []string{"PutObject"}},
		{"small", small, nil, []string{"PutObject"}},
		{"copied by the store", large, nil, []string{"CopyObject"}},
		{
			"through", large, lessAble(func(a *store.Abilities) { a.ConditionalCopy, a.AtomicSelfCopy = false, false }),
			[]string{"PutObject"},
		},
		{
			"in a piece, where reading holds up writing", large,
			lessAble(func(a *store.Abilities) { a.ConditionalCopy = false }),
			[]string{"CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"},
		},
		{
			"staged", large, lessAble(func(a *store.Abilities) {
				a.ConditionalCopy, a.ConditionalComplete = false,
					false
			}),
			[]string{"CopyObject", "PutObject", "DeleteObject"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := install(t, c.change)
			data := random(1, c.size)
			i.put(t, "k", data, "x-amz-meta-a", "b", "content-type", "text/x")
			x := i.in(t, things, policy.UpdateObjectEncryption, "k")
			before, err := x.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			i.front.set(nil)
			e := policy.Encryption{
				SSE: policy.SSEKMS, KeyARN: otherKey, BucketKey: true,
				Context: map[string]string{"p": "q"},
			}
			inForce, err := rewrap(t.Context(), x, e,
				sigv4.Field{Name: []byte("x-amz-meta-sealfront-redirect"), Value: []byte("/r")})
			if err != nil {
				t.Fatal(err)
			}
			ways := slices.DeleteFunc(i.front.sent(),
				func(op string) bool { return op == "GetObject" || op == "HeadObject" })
			if !slices.Equal(ways, c.ways) {
				t.Errorf("by %q, want %q", ways, c.ways)
			}
			now, err := x.Head(t.Context())
			if err != nil || !bytes.Equal(now.Envelope.Append(nil), inForce.Append(nil)) ||
				inForce.KeyARN != otherKey ||
				inForce.ContextMap()["p"] != "q" ||
				inForce.ObjectID != before.Envelope.ObjectID || bytes.Equal(inForce.Blob, before.Envelope.Blob) {
				t.Errorf("%+v, %v", inForce, err)
			}
			_, header := i.front.stored(t, things+"-s", "k")
			for name, want := range map[string]string{
				"x-amz-meta-a": "b", "content-type": "text/x",
				"x-amz-meta-sealfront-redirect": "/r",
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s is %q", name, got)
				}
			}
			if got, _, err := readWhole(t.Context(), x); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// What goes wrong leaves the object as it was.
func TestRewrapThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.put(t, "k", random(1, 100))
	x := i.in(t, things, policy.UpdateObjectEncryption, "k")
	was, header := i.front.stored(t, things+"-s", "k")
	i.put(t, "other", random(2, 100))
	wantAsItWas := func(what string) {
		t.Helper()
		if now, h := i.front.stored(t, things+"-s", "k"); !bytes.Equal(now, was) ||
			h.Get("X-Amz-Meta-Sealfront") != header.Get("X-Amz-Meta-Sealfront") {
			t.Errorf("%s: the object has changed", what)
		}
	}
	other := policy.Encryption{SSE: policy.SSEKMS, KeyARN: otherKey, BucketKey: true}
	i.kms.setFail(otherKey, kmsError{"DisabledException", ""})
	_, err := rewrap(t.Context(), x, other)
	wantCode(t, "a disabled key", err, "KMS.DisabledException")
	wantAsItWas("a disabled key")
	i.kms.setFail(otherKey, nil)

	long := sigv4.Field{Name: []byte("x-amz-meta-sealfront-redirect"), Value: bytes.Repeat([]byte("x"), 2000)}
	_, err = rewrap(t.Context(), x, other, long)
	wantCode(t, "no room for the metadata", err, "MetadataTooLarge")
	wantAsItWas("no room for the metadata")

	// A client's write that comes between wins.
	newer := random(3, 50)
	i.front.set(once("PutObject", 0, before(func() {
		if _, err := putTo(t.Context(), i.object(t, "k"), sseKMS, &body{data: newer},
			objects.Conditions{}); err != nil {
			t.Error(err)
		}
	})))
	_, err = rewrap(t.Context(), x, other)
	i.front.set(nil)
	if !errors.Is(err, objects.ErrReplaced) {
		t.Errorf("raced: %v", err)
	}
	i.wantRead(t, "raced", x, newer)
	no := errors.New("no")
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.Rewrap(t.Context(), other, nil, func(string) error { return no }); !errors.Is(err, no) {
		t.Error(err)
	}
}
