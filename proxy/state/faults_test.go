package state_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/proxy/state"
)

var errAway = errors.New("the store is away")

// troubled is a bucket that answers one request, counted from the last call of trouble, with err.
type troubled struct {
	*bucket
	calls, fails int // since then; the one that fails, 0 for none
	err          error
	puts         bool // only PUTs count
	failed       string
}

func (f *troubled) trouble(call int, err error, puts bool) {
	f.calls, f.fails, f.err, f.puts, f.failed = 0, call, err, puts, ""
}

func (f *troubled) meet(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls++; f.calls == f.fails {
		f.failed = what
		return f.err
	}
	return nil
}

func (f *troubled) Get(ctx context.Context, name string) ([]byte, string, error) {
	if !f.puts {
		if err := f.meet("GET " + name); err != nil {
			return nil, "", err
		}
	}
	return f.bucket.Get(ctx, name)
}

func (f *troubled) Put(ctx context.Context, name string, body []byte, ifMatch string) (string, error) {
	if err := f.meet("PUT " + name); err != nil {
		return "", err
	}
	return f.bucket.Put(ctx, name, body, ifMatch)
}

func (f *troubled) Delete(ctx context.Context, name string) error {
	if !f.puts {
		if err := f.meet("DELETE " + name); err != nil {
			return err
		}
	}
	return f.bucket.Delete(ctx, name)
}

func (f *troubled) DeleteIf(ctx context.Context, name, etag string) error {
	if !f.puts {
		if err := f.meet("DELETE " + name); err != nil {
			return err
		}
	}
	return f.bucket.DeleteIf(ctx, name, etag)
}

func (f *troubled) DeleteAll(ctx context.Context, names []string) error {
	if !f.puts {
		if err := f.meet("DELETE " + strings.Join(names, " ")); err != nil {
			return err
		}
	}
	return f.bucket.DeleteAll(ctx, names)
}

func (f *troubled) List(
	ctx context.Context, prefix, start string, each func(string, string, int64, time.Time),
) (bool, error) {
	if !f.puts {
		if err := f.meet("LIST " + prefix); err != nil {
			return false, err
		}
	}
	return f.bucket.List(ctx, prefix, start, each)
}

// A scene is an installation in which an operation can be carried out.
type scene struct {
	store   *troubled
	s       *state.State
	b       *state.Bucket
	open    *state.Upload
	ended   *state.Upload
	rename  *state.Rename
	janitor *state.Janitor
}

func newScene(t *testing.T) *scene {
	t.Helper()
	x := &scene{store: &troubled{bucket: newBucket()}}
	x.s = openTroubled(t, x.store)
	x.b = create(t, x.s, "b")
	x.open = newUpload(t, x.s, x.b, "open", x.store.Now())
	addPart(t, x.s, x.open, 1, "e")
	x.ended = newUpload(t, x.s, x.b, "ended", x.store.Now())
	if err := x.s.EndUpload(t.Context(), x.ended, state.UploadAborted, nil); err != nil {
		t.Fatal(err)
	}
	x.s.Settle()
	x.rename = &state.Rename{Parameters: []byte("p")}
	if err := x.s.KeepRename(t.Context(), x.b, "who", "old", x.rename); err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.s.Current(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.janitor = state.NewJanitor(x.s, func(context.Context, *state.Upload) (bool, error) { return true, nil })
	return x
}

func openTroubled(t *testing.T, store *troubled) *state.State {
	t.Helper()
	s, err := state.Open(t.Context(), store, &kms{}, state.Options{ServiceKey: "service", Now: store.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// operations are those of State, each with how long ago the scene was made. after tests what the operation has
// achieved.
var operations = map[string]struct {
	age   time.Duration
	do    func(context.Context, *scene) error
	after func(*testing.T, *scene)
}{
	"Open": {0, func(ctx context.Context, x *scene) error {
		_, err := state.Open(ctx, x.store, &kms{}, state.Options{ServiceKey: "service"})
		return err
	}, nil},
	"Bucket": {time.Minute, func(ctx context.Context, x *scene) error {
		b, err := x.s.Bucket(ctx, "b")
		if err == nil && b.Incarnation != x.b.Incarnation {
			return errors.New("another bucket")
		}
		return err
	}, nil},
	"CreateBucket": {0, func(ctx context.Context, x *scene) error {
		_, err := x.s.CreateBucket(ctx, state.Bucket{Name: "new"}, made)
		return err
	}, func(t *testing.T, x *scene) {
		if b, err := x.s.FreshBucket(t.Context(), "new"); err != nil || b.Name != "new" {
			t.Errorf("the new bucket: %+v, %v", b, err)
		}
	}},
	"UpdateBucket": {0, func(ctx context.Context, x *scene) error {
		_, err := x.s.UpdateBucket(ctx, "b", func(b *state.Bucket) error { b.Policy = "policy"; return nil })
		return err
	}, func(t *testing.T, x *scene) {
		if b, err := x.s.FreshBucket(t.Context(), "b"); err != nil || b.Policy != "policy" {
			t.Errorf("the changed bucket: %+v, %v", b, err)
		}
	}},
	"DeleteBucket": {0, func(ctx context.Context, x *scene) error {
		return x.s.DeleteBucket(ctx, "b", func(context.Context, *state.Bucket) error { return nil })
	}, func(t *testing.T, x *scene) {
		if _, err := x.s.FreshBucket(t.Context(), "b"); !errors.Is(err, state.ErrNoBucket) {
			t.Errorf("the deleted bucket: %v", err)
		}
	}},
	"ListBuckets": {time.Minute, func(ctx context.Context, x *scene) error {
		return x.s.ListBuckets(ctx, "", "", func(*state.ListedBucket) bool { return true })
	}, nil},
	"Revoke": {
		0, func(ctx context.Context, x *scene) error { return x.s.Revoke(ctx, "arn:key") },
		func(t *testing.T, x *scene) {
			if len(x.store.names("revocations")) != 1 {
				t.Error("no record of a revocation")
			}
		},
	},
	"Current": {25 * time.Hour, func(ctx context.Context, x *scene) error {
		_, key, err := x.s.Current(ctx)
		if err == nil && len(key) != 32 {
			return errors.New("a short key")
		}
		return err
	}, func(t *testing.T, x *scene) {
		if n := len(x.store.names("sessions/")); n != 2 {
			t.Errorf("%d session keys", n)
		}
	}},
	"SweepSessionKeys": {
		38 * time.Hour, func(ctx context.Context, x *scene) error { return x.s.SweepSessionKeys(ctx) },
		gone("sessions/"),
	},
	"Rename": {0, func(ctx context.Context, x *scene) error {
		r, err := x.s.Rename(ctx, x.b, "who", "old")
		if err == nil && string(r.Parameters) != "p" {
			return errors.New("another rename")
		}
		return err
	}, nil},
	"KeepRename": {0, func(ctx context.Context, x *scene) error {
		return x.s.KeepRename(ctx, x.b, "who", "new", &state.Rename{Parameters: []byte("q")})
	}, func(t *testing.T, x *scene) {
		if r, err := x.s.Rename(t.Context(), x.b, "who", "new"); err != nil || string(r.Parameters) != "q" {
			t.Errorf("%+v, %v", r, err)
		}
	}},
	"SweepRenames": {
		time.Hour, func(ctx context.Context, x *scene) error { return x.s.SweepRenames(ctx) },
		gone("renames/"),
	},
	"CreateUpload": {0, func(ctx context.Context, x *scene) error {
		return x.s.CreateUpload(ctx, state.Upload{Bucket: "b", Incarnation: x.b.Incarnation, ID: "new"})
	}, func(t *testing.T, x *scene) {
		if u, err := x.s.FreshUpload(t.Context(), x.b, "new"); err != nil || u.State != state.UploadOpen {
			t.Errorf("%+v, %v", u, err)
		}
	}},
	"Upload": {time.Minute, func(ctx context.Context, x *scene) error {
		u, err := x.s.Upload(ctx, x.b, "open")
		if err == nil && u.State != state.UploadOpen {
			return errors.New("another upload")
		}
		return err
	}, nil},
	"AddPart": {0, func(ctx context.Context, x *scene) error {
		return x.s.AddPart(ctx, x.open, &crypto.PartRecord{Number: 2})
	}, func(t *testing.T, x *scene) {
		if parts, _, err := x.s.Parts(t.Context(), x.open, 0, 9); err != nil || len(parts) != 2 || parts[1].Number != 2 {
			t.Errorf("%+v, %v", parts, err)
		}
	}},
	"Parts": {0, func(ctx context.Context, x *scene) error {
		parts, _, err := x.s.Parts(ctx, x.open, 0, 9)
		if err == nil && len(parts) != 1 {
			return errors.New("parts are missing")
		}
		return err
	}, nil},
	"EndUpload": {0, func(ctx context.Context, x *scene) error {
		return x.s.EndUpload(ctx, x.open, state.UploadCompleted, &state.Completion{Parts: 1})
	}, func(t *testing.T, x *scene) {
		if u, err := x.s.FreshUpload(t.Context(), x.b, "open"); err != nil || u.State != state.UploadCompleted ||
			u.Completion.Parts != 1 {
			t.Errorf("%+v, %v", u, err)
		}
		if names := x.store.names("open/"); len(names) > 0 {
			t.Errorf("still listed: %q", names)
		}
	}},
	"OpenUploads": {0, func(ctx context.Context, x *scene) error {
		var ids []string
		err := openTroubledAgain(x).OpenUploads(ctx, x.b, "", "",
			func(u *state.OpenUpload) (string, bool) { ids = append(ids, u.ID); return "", true })
		if err == nil && strings.Join(ids, " ") != "open" {
			return fmt.Errorf("open uploads: %q", ids)
		}
		return err
	}, nil},
	"OpenUploads beside an earlier release": {0, func(ctx context.Context, x *scene) error {
		fails := x.store.fails
		x.store.fails = 0
		x.store.before()
		s := openTroubledAgain(x)
		x.store.calls, x.store.fails = 0, fails
		var ids []string
		err := s.OpenUploads(ctx, x.b, "", "",
			func(u *state.OpenUpload) (string, bool) { ids = append(ids, u.ID); return "", true })
		if err == nil && strings.Join(ids, " ") != "open" {
			return fmt.Errorf("open uploads: %q", ids)
		}
		return err
	}, nil},
	"Sweep": {26 * time.Hour, func(ctx context.Context, x *scene) error {
		var err error
		for range 27 { // within a day it has seen all that is gone once
			err = errors.Join(err, x.janitor.Sweep(ctx))
			x.store.pass(time.Hour)
		}
		return err
	}, gone("uploads/")},
}

// openTroubledAgain is a replica that has read nothing yet. Opening it counts as a request of the operation.
func openTroubledAgain(x *scene) *state.State {
	fails := x.store.fails
	x.store.fails = 0
	s, err := state.Open(context.Background(), x.store, &kms{}, state.Options{ServiceKey: "service", Now: x.store.Now})
	if err != nil {
		panic(err)
	}
	x.store.calls, x.store.fails = 0, fails
	return s
}

func gone(prefix string) func(*testing.T, *scene) {
	return func(t *testing.T, x *scene) {
		if names := x.store.names(prefix); len(names) > 0 {
			t.Errorf("left: %q", names)
		}
	}
}

// Each request to the store may fail. Then the operation fails with the store's error, says nothing else, and achieves
// what it should when it is repeated.
func TestEachRequestOfAnOperationMayFail(t *testing.T) {
	for name, o := range operations {
		t.Run(name, func(t *testing.T) {
			for call := 1; ; call++ {
				x := newScene(t)
				x.store.pass(o.age)
				x.store.trouble(call, errAway, false)
				err := o.do(t.Context(), x)
				x.s.Settle()
				failed := x.store.failed
				if failed == "" {
					if err != nil {
						t.Errorf("without a failure: %v", err)
					}
					if call == 1 {
						t.Error("it makes no request")
					}
					return
				}
				if !errors.Is(err, errAway) && !repaired(failed) {
					t.Errorf("%s failed: %v", failed, err)
				}
				x.store.trouble(0, nil, false)
				if err != nil {
					err = o.do(t.Context(), x)
				}
				if err != nil {
					t.Errorf("%s failed; again: %v", failed, err)
				}
				x.s.Settle()
				if o.after != nil {
					o.after(t, x)
				}
			}
		})
	}
}

// repaired reports whether a request's failure is nobody's: names of buckets are repaired by whoever lists them next,
// and what an upload has left is the janitor's.
func repaired(request string) bool {
	return strings.Contains(request, " bucketlist/") || strings.Contains(request, "/parts/") ||
		strings.Contains(request, "/stash/")
}

// Each record that an operation writes may have been changed by another replica. Then the operation is aborted, or
// tried again by itself, and never passes off another's record as its own.
func TestEachWriteOfAnOperationMayConflict(t *testing.T) {
	for name, want := range map[string]error{ // after one conflict
		"CreateBucket": state.ErrAborted, "KeepRename": state.ErrAborted,
		"UpdateBucket": nil, "DeleteBucket": nil, "Revoke": nil, "EndUpload": nil,
	} {
		o := operations[name]
		for call := 1; ; call++ {
			x := newScene(t)
			x.store.trouble(call, fmt.Errorf("conflict: %w", fs.ErrExist), true)
			err := o.do(t.Context(), x)
			if x.store.failed == "" {
				break
			}
			if !errors.Is(err, want) && !repaired(x.store.failed) {
				t.Errorf("%s, %s: %v, want %v", name, x.store.failed, err, want)
			}
			if want == nil {
				o.after(t, x)
			}
		}
	}
}

// always is a bucket whose PUTs of some record all meet a conflict.
type always struct {
	*bucket
	prefix string
}

func (a always) Put(ctx context.Context, name string, body []byte, ifMatch string) (string, error) {
	if strings.HasPrefix(name, a.prefix) {
		return "", fs.ErrExist
	}
	return a.bucket.Put(ctx, name, body, ifMatch)
}

// What is tried again after a conflict is tried a bounded number of times.
func TestRecordsThatKeepChanging(t *testing.T) {
	for prefix, name := range map[string]string{
		"buckets/": "UpdateBucket", "uploads/": "EndUpload",
		"revocations": "Revoke",
	} {
		x := newScene(t)
		var err error
		if x.s, err = state.Open(t.Context(), always{x.store.bucket, prefix}, &kms{},
			state.Options{ServiceKey: "service"}); err != nil {
			t.Fatal(err)
		}
		if err := operations[name].do(t.Context(), x); !errors.Is(err, state.ErrAborted) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
