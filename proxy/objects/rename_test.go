package objects_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// replicated is a state that other replicas work on, too, so that moves are written down.
var replicated = state.Options{}

func wholeRename(a, b, data []byte) bool {
	return same(a, data) && b == nil || same(b, data) && (a == nil || same(a, data))
}

// Whatever becomes of any request of a rename, the object lies at the old name, the new one, or both, in whole; after
// an answer without an error at the new one alone. Whoever claims the old name next finishes what was begun.
func TestEachFaultOfARenameLeavesTheObjectUnderOneOfItsNames(t *testing.T) {
	for _, c := range []struct {
		name   string
		data   []byte
		change func(o *objects.Options)
	}{
		{"a large object", large, nil},
		{"a small object", small, nil},
		{"an empty object", []byte{}, nil},
		{
			"on a store whose deletions know no conditions", large,
			lessAble(func(a *store.Abilities) { a.ConditionalDelete = false }),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := installOver(t, memstore.Options{}, replicated, c.change)
			for f, fault := range faults {
				for n := 0; ; n++ {
					from, to := i.object(t, fmt.Sprintf("from-%d-%d", f, n)),
						i.in(t, things, policy.RenameObject, fmt.Sprintf("to-%d-%d", f, n))
					i.put(t, from.Key, c.data)
					meet, met := nth(n, fault.turn)
					i.front.set(meet)
					err := rename(t.Context(), to, from.Key, nil)
					what := fmt.Sprintf("%s, request %d of %v: %v", fault.name, n, i.front.sent(), err)
					i.front.set(nil)
					i.wantRenamed(t, what, from, to, c.data, err == nil && !fault.gone)
					if err != nil && !slices.Contains(fault.codes, objects.Translate(err).Code) {
						t.Errorf("%s: want one of %v", what, fault.codes)
					}
					if err := from.Claimed(t.Context(), func(context.Context, *state.Claim) error { return nil },
						from.Key); err != nil {
						t.Errorf("%s: the next claim: %v", what, err)
					}
					i.wantRenamed(t, what+", and claimed again", from, to, c.data, err == nil && !fault.gone)
					if !met() {
						if err != nil {
							t.Errorf("undisturbed: %v", err)
						}
						break
					}
				}
			}
		})
	}
}

func (i *installation) wantRenamed(t *testing.T, what string, from, to *objects.Object, data []byte, done bool) {
	t.Helper()
	a, failed := i.read(t, from)
	b, failedToo := i.read(t, to)
	switch {
	case failed != nil || failedToo != nil:
		t.Errorf("%s: unreadable: %v, %v", what, failed, failedToo)
	case !wholeRename(a, b, data):
		t.Errorf("%s: %d bytes at the old name, %d at the new", what, len(a), len(b))
	case done && (a != nil || b == nil):
		t.Errorf("%s: without an error, and the old name has %d bytes", what, len(a))
	}
}

// What somebody puts to the old name while its object is renamed is never lost.
func TestWhatIsPutToTheOldNameOfARenameIsNotLost(t *testing.T) {
	i := installOver(t, memstore.Options{}, replicated, nil)
	between := random(9, 4000)
	for n := 0; ; n++ {
		from, to := i.object(t, fmt.Sprint("from ", n)), i.in(t, things, policy.RenameObject, fmt.Sprint("to ", n))
		i.put(t, from.Key, small)
		meet, met := nth(n, before(func() { i.front.set(nil); i.put(t, from.Key, between) }))
		i.front.set(meet)
		err := rename(t.Context(), to, from.Key, nil)
		i.front.set(nil)
		a, _ := i.read(t, from)
		b, _ := i.read(t, to)
		if !met() {
			break
		}
		if !same(a, between) && !same(b, between) {
			t.Errorf("request %d: %v; %d bytes at the old name, %d at the new", n, err, len(a), len(b))
		}
	}
}

// A rename ends as its caller decides.
func TestRenamesAskTheirCaller(t *testing.T) {
	i := installOver(t, memstore.Options{}, replicated, nil)
	i.put(t, "from", small)
	i.put(t, "there", older)
	_, header := i.front.stored(t, things+"-s", "there")
	refused := s3.AccessDenied()
	for _, c := range []struct {
		name, from, to string
		change         func(r *objects.Rename)
		code           string
	}{
		{"the source's condition fails", "from", "to", func(r *objects.Rename) {
			r.Decide = func(*objects.Source) (string, string, error) {
				return "", "",
					s3.PreconditionFailed("If-Match")
			}
		}, "PreconditionFailed"},
		{"the destination is there", "from", "there", func(r *objects.Rename) {
			r.Decide = func(*objects.Source) (string, string, error) { return "", "*", nil }
		}, "PreconditionFailed"},
		{"the token can't be written", "from", "to", func(r *objects.Rename) {
			r.Begin = func(*crypto.Envelope) error { return refused }
		}, "AccessDenied"},
		{"there is nothing", "none", "to", nil, "NoSuchKey"},
		{
			"an earlier attempt got through", "none", "to",
			func(r *objects.Rename) { r.Happened = func() bool { return true } }, "",
		},
		{"the destination is the one that was seen", "from", "there", func(r *objects.Rename) {
			r.Decide = func(*objects.Source) (string, string, error) { return header.Get("Etag"), "", nil }
		}, ""},
	} {
		err := rename(t.Context(), i.in(t, things, policy.RenameObject, c.to), c.from, c.change)
		if c.code != "" {
			wantCode(t, c.name, err, c.code)
			i.wantRead(t, c.name, i.object(t, "from"), small)
			i.wantRead(t, c.name, i.object(t, "there"), older)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	i.wantRead(t, "in the end", i.object(t, "there"), small)
}

// A rename keeps the encryption, and calls KMS for no new key.
func TestRenamesKeepTheBucketKey(t *testing.T) {
	i := install(t, nil)
	i.put(t, "from", large)
	before, _ := i.open(t, i.object(t, "from"))
	i.kms.called()
	x := i.in(t, things, policy.RenameObject, "to")
	if err := rename(t.Context(), x, "from", nil); err != nil {
		t.Fatal(err)
	}
	after, _ := i.open(t, x)
	if string(before.Envelope.Blob) != string(after.Envelope.Blob) ||
		before.Envelope.WrapSalt == after.Envelope.WrapSalt {
		t.Error("another bucket key, or the same salt")
	}
	if calls := i.kms.called(); len(calls) > 0 {
		t.Errorf("KMS was called: %v", calls)
	}
	i.keys.DropAll()
	i.kms.setFail(customKey, kmsError{"DisabledException", "it is disabled"})
	err := rename(t.Context(), i.in(t, things, policy.RenameObject, "again"), "to", nil)
	wantCode(t, "under a disabled key", err, "KMS.DisabledException")
	i.kms.setFail(customKey, nil)
	i.alter(t, "to", func(b []byte, e *crypto.Envelope) []byte { e.Wrapped[0] ^= 1; return b })
	wantCode(t, "of an altered envelope", rename(t.Context(), i.in(t, things, policy.RenameObject, "again"), "to", nil),
		"InternalError")
	if got := i.damages(); got != "envelope" {
		t.Errorf("counted %q", got)
	}
}

// A move that an earlier replica has begun ends at the one name where its object can only be, and takes nothing else
// away.
func TestMovesThatWereInterruptedAreEnded(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(o *objects.Options)
		spoil    func(i *installation, m *state.Move)
		meet     func(r *store.Request) turn
		from, to []byte // afterwards
		fails    bool
	}{
		{"the copy is in place", nil, nil, nil, nil, small, false},
		{
			"the copy is in place, on a store without conditions",
			lessAble(func(a *store.Abilities) { a.ConditionalDelete = false }), nil, nil, nil, small, false,
		},
		{
			"the copy isn't there", nil, func(_ *installation, m *state.Move) { m.To = "nowhere" }, nil, small, small,
			false,
		},
		{
			"another object lies at the new name", nil,
			func(_ *installation, m *state.Move) { m.ToSalt = []byte("another") }, nil, small, small, false,
		},
		{
			"another object lies at the old name", nil,
			func(_ *installation, m *state.Move) { m.FromSalt = []byte("another") }, nil, small, small, false,
		},
		{"the new name can't be looked at", nil, nil, once("HeadObject", 0, drop), small, small, true},
		{
			"the new name can't be looked at, says the store", nil, nil, once("HeadObject", 0, refuse(500, "")), small,
			small, true,
		},
		{"the old name can't be looked at", nil, nil, once("HeadObject", 1, drop), small, small, true},
		{"the old name can't be deleted", nil, nil, on("DeleteObject", drop), small, small, true},
		{
			"the old name may not be deleted", nil, nil, on("DeleteObject", refuse(403, "AccessDenied")), small, small,
			true,
		},
		{
			"a deletion is refused, and nothing was replaced", nil, nil, on("DeleteObject", refuse(412, "")), small, small, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := install(t, c.change)
			i.put(t, "from", small)
			i.put(t, "to", small)
			m := &state.Move{From: "from", To: "to"}
			for key, salt := range map[string]*[]byte{"from": &m.FromSalt, "to": &m.ToSalt} {
				seen, err := i.Head(t.Context(), things+"-s", key)
				if err != nil {
					t.Fatal(err)
				}
				*salt = []byte(seen.WrapSalt())
			}
			if c.spoil != nil {
				c.spoil(i, m)
			}
			i.front.set(c.meet)
			err := i.FinishMove(t.Context(), things, m)
			i.front.set(nil)
			if (err != nil) != c.fails {
				t.Errorf("error %v, want %v", err, c.fails)
			}
			i.wantRead(t, "the old name", i.object(t, "from"), c.from)
			i.wantRead(t, "the new name", i.object(t, "to"), c.to)
		})
	}
	i := install(t, nil)
	if err := i.FinishMove(t.Context(), "gone", &state.Move{}); err != nil {
		t.Errorf("of a bucket that is gone: %v", err)
	}
	i.records.set(func(string, string) error { return errRecords })
	if err := i.FinishMove(t.Context(), "unknown", &state.Move{}); err == nil {
		t.Error("of a bucket whose record can't be read: no error")
	}
}

// A store that has shown a wrong ETag refuses to delete the source, which still is the object that was read. A rename
// that left it there would not be one, so it is deleted by the ETag that the store shows now, or the client hears of
// it.
func TestARenameWhoseDeletionIsRefused(t *testing.T) {
	for _, c := range []struct {
		what string
		meet func(*store.Request) turn
		code string
		from []byte
	}{
		{"once", once("DeleteObject", 0, refuse(412, "PreconditionFailed")), "", nil},
		{"twice", first(once("DeleteObject", 0, refuse(412, "")), once("DeleteObject", 0, refuse(412, ""))), "", nil},
		{"always", on("DeleteObject", refuse(412, "PreconditionFailed")), "InternalError", small},
		{
			"once, and then it can't be looked at",
			first(once("DeleteObject", 0, refuse(412, "")), on("HeadObject", drop)), "", nil,
		},
		{
			"always, and it can't be looked at",
			first(on("DeleteObject", refuse(412, "")), on("HeadObject", drop)), "ServiceUnavailable", small,
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			i := install(t, nil)
			i.put(t, "from", small)
			i.front.set(c.meet)
			err := rename(t.Context(), i.in(t, things, policy.RenameObject, "to"), "from", nil)
			i.front.set(nil)
			if c.code != "" {
				wantCode(t, "the rename", err, c.code)
			} else if err != nil {
				t.Errorf("the rename: %v", err)
			}
			i.wantRead(t, "the new name", i.object(t, "to"), small)
			if c.from != nil {
				i.wantRead(t, "the old name", i.object(t, "from"), c.from)
			} else if seen, err := i.Head(t.Context(), things+"-s", "from"); err != nil || seen.WrapSalt() != "" {
				t.Errorf("the old name: salt %q, %v; the rename has left its source", seen.WrapSalt(), err)
			}
		})
	}
}

// Whoever claims a name next ends the move that was begun there, and hears of one that was carried out.
func TestTheNextClaimEndsAMove(t *testing.T) {
	i := installOver(t, memstore.Options{}, replicated, nil)
	i.put(t, "from", small)
	x := i.in(t, things, policy.RenameObject, "to")
	i.front.set(on("DeleteObject", drop))
	err := rename(t.Context(), x, "from", nil)
	wantCode(t, "a rename whose deletion is lost", err, "ServiceUnavailable")
	i.front.set(on("HeadObject", drop))
	err = x.Claimed(t.Context(), func(context.Context, *state.Claim) error { return nil }, "from")
	wantCode(t, "a claim that can't end it", err, "ServiceUnavailable")
	i.front.set(nil)
	var inherited int
	err = x.Claimed(t.Context(), func(_ context.Context,
		c *state.Claim,
	) error {
		inherited = len(c.Inherited)
		return nil
	}, "from")
	if err != nil || inherited != 1 || !i.logged("finished an interrupted rename") {
		t.Errorf("%v, %d moves inherited", err, inherited)
	}
	i.wantRead(t, "the old name", i.object(t, "from"), nil)
	i.wantRead(t, "the new name", x, small)

	// An append claims, too.
	i.put(t, "from", small)
	i.front.set(on("DeleteObject", drop))
	wantCode(t, "again", rename(t.Context(), x, "from", nil), "ServiceUnavailable")
	i.front.set(nil)
	i.put(t, "from", older)
	i.front.set(once("HeadObject", 0, drop))
	_, err = appendTo(t.Context(), i.object(t, "from"), &body{data: added}, sseKMS)
	i.front.set(nil)
	wantCode(t, "an append that can't end it", err, "ServiceUnavailable")
	if _, err = appendTo(t.Context(), i.object(t, "from"), &body{data: added}, sseKMS); err != nil {
		t.Error(err)
	}
	i.wantRead(t, "the old name", i.object(t, "from"), slices.Concat(older, added))
}

// A copy whose outcome is unknown may still come: the move stays written down, and the next claim ends it.
func TestAMoveWhoseCopyComesLateIsEnded(t *testing.T) {
	i := installOver(t, memstore.Options{}, replicated, nil)
	i.put(t, "from", large)
	x := i.in(t, things, policy.RenameObject, "to")
	var late *store.Request
	i.front.set(on("CopyObject", func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		late = r
		return drop(ctx, f, r)
	}))
	wantCode(t, "a rename whose copy is lost", rename(t.Context(), x, "from", nil), "ServiceUnavailable")
	i.front.set(nil)
	a, err := i.front.pass(t.Context(), late)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	if err := x.Claimed(t.Context(), func(context.Context, *state.Claim) error { return nil }, "from"); err != nil {
		t.Error(err)
	}
	i.wantRead(t, "the old name", i.object(t, "from"), nil)
	i.wantRead(t, "the new name", x, large)
}

// A move that can't be written down isn't begun.
func TestAMoveThatCantBeWrittenDownIsNotBegun(t *testing.T) {
	i := installOver(t, memstore.Options{}, replicated, nil)
	i.put(t, "from", small)
	x := i.in(t, things, policy.RenameObject, "to")
	err := rename(t.Context(), x, "from", func(r *objects.Rename) {
		r.Begin = func(*crypto.Envelope) error {
			i.records.set(func(operation, _ string) error {
				if operation == "Put" {
					return errRecords
				}
				return nil
			})
			return nil
		}
	})
	i.records.set(nil)
	if err == nil {
		t.Error("no error")
	}
	i.wantRead(t, "the old name", i.object(t, "from"), small)
	i.wantRead(t, "the new name", x, nil)
}

// A context that ends ends a rename's attempts to delete.
func TestARenameWhoseContextEndsStops(t *testing.T) {
	i := install(t, nil)
	i.put(t, "from", small)
	ctx, cancel := context.WithCancel(t.Context())
	i.front.set(on("DeleteObject", func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		cancel()
		return drop(ctx, f, r)
	}))
	err := rename(ctx, i.in(t, things, policy.RenameObject, "to"), "from", nil)
	sent := i.front.sent()
	i.front.set(nil)
	wantCode(t, "rename", err, "ServiceUnavailable")
	if n := len(slices.DeleteFunc(sent, func(s string) bool { return s != "DeleteObject" })); n != 1 {
		t.Errorf("%d deletions were sent", n)
	}
}
