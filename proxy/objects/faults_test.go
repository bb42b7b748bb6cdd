package objects_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"sealfront/proxy/objects"
)

// faults are what can happen to one request, and the S3 errors that may come of it.
var faults = []struct {
	name  string
	turn  turn
	codes []string // InternalError also stands for what can only be read, such as a stashed part
	gone  bool     // it says that there is nothing to delete, or another object, which isn't so
}{
	{
		"the store is overloaded", refuse(503, "SlowDown"),
		[]string{"SlowDown", "ServiceUnavailable", "InternalError"},
		false,
	},
	{"the store fails", refuse(500, "InternalError"), []string{"InternalError", "ConditionalRequestConflict"}, false},
	{"the store is away", refuse(503, ""), []string{"ServiceUnavailable", "InternalError"}, false},
	{
		"a condition fails", refuse(412, "PreconditionFailed"),
		[]string{"PreconditionFailed", "ConditionalRequestConflict", "InternalError"},
		true,
	},
	{
		"there is nothing", refuse(404, "NoSuchKey"),
		[]string{"NoSuchKey", "ConditionalRequestConflict", "InternalError"},
		true,
	},
	{
		"another operation is at work", refuse(409, "ConditionalRequestConflict"),
		[]string{"ConditionalRequestConflict", "InternalError"},
		false,
	},
	{
		"the upload is gone", refuse(404, "NoSuchUpload"),
		[]string{"NoSuchUpload", "NoSuchKey", "ConditionalRequestConflict", "InternalError"},
		true,
	},
	{
		"a part is gone", refuse(400, "InvalidPart"),
		[]string{"InvalidPart", "ConditionalRequestConflict", "InternalError"},
		false,
	},
	{"the request is lost", drop, []string{"ServiceUnavailable"}, false},
	{"the answer is lost", lose, []string{"ServiceUnavailable"}, false},
	{"the request is repeated", repeat, nil, false},
}

// Whatever becomes of any request of an operation, it succeeds or ends in an error of S3's, and the object is the old
// or the new one, in whole.
func TestEachFaultOfEachRequestLeavesTheOldOrTheNewObject(t *testing.T) {
	for _, op := range allOperations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			i := installOver(t, op.store, alone, op.change)
			if op.source != nil {
				i.put(t, "source", op.source)
			}
			for f, fault := range faults {
				for n := 0; ; n++ {
					key := fmt.Sprintf("%d-%d", f, n)
					op.prepare(t, i, key)
					meet, met := nth(n, fault.turn)
					i.front.set(meet)
					err := op.run(t.Context(), t, i, key)
					sent := i.front.sent()
					i.front.set(nil)
					what := fmt.Sprintf("%s, request %d of %v", fault.name, n, sent)
					i.wantOldOrNew(t, what, &op, key, err, op.now == nil && fault.gone)
					if err != nil && !slices.Contains(fault.codes, objects.Translate(err).Code) {
						t.Errorf("%s: %v, want one of %v", what, err, fault.codes)
					}
					i.front.remove(t, things+"-s", key)
					if !met() {
						break
					}
				}
			}
			if damage := i.damages(); damage != "" {
				t.Errorf("counted as damaged: %s", damage)
			}
		})
	}
}

func (i *installation) wantOldOrNew(t *testing.T, what string, op *operation, key string, err error, gone bool) {
	t.Helper()
	got, failed := i.read(t, i.object(t, key))
	isOld, isNew := same(got, op.old), same(got, op.now)
	switch {
	case failed != nil:
		t.Errorf("%s: %v; the object: %v", what, err, failed)
	case err == nil && !isNew && !(gone && isOld):
		t.Errorf("%s: no error, and the object has %d bytes that are not the new ones", what, len(got))
	case err != nil && !isOld && !isNew:
		t.Errorf("%s: %v, and the object has %d bytes", what, err, len(got))
	}
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// What another client does between any two requests of an operation is not lost when the operation replaces only what
// it has read.
func TestWhatAnotherClientDoesBetweenTwoRequestsIsNotLost(t *testing.T) {
	between := random(9, 4000)
	for _, op := range allOperations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			for _, deletes := range []bool{false, true} {
				i := installOver(t, op.store, alone, op.change)
				if op.source != nil {
					i.put(t, "source", op.source)
				}
				for n := 0; ; n++ {
					key := fmt.Sprint("key ", n)
					op.prepare(t, i, key)
					meet, met := nth(n, before(func() {
						if deletes {
							i.front.remove(t, things+"-s", key)
							return
						}
						i.front.set(nil)
						i.put(t, key, between)
					}))
					i.front.set(meet)
					err := op.run(t.Context(), t, i, key)
					i.front.set(nil)
					got, failed := i.read(t, i.object(t, key))
					what := fmt.Sprintf("request %d, deletes %v: %v, %d bytes", n, deletes, err, len(got))
					if !met() {
						if err != nil || !same(got, op.now) {
							t.Errorf("%s: undisturbed", what)
						}
						break
					}
					there := between
					if deletes {
						there = nil
					}
					madeOfIt := op.old != nil && !deletes && bytes.HasPrefix(got, between)
					switch {
					case failed != nil:
						t.Errorf("%s: %v", what, failed)
					case op.bound && !same(got, there) && !madeOfIt:
						t.Errorf("%s: what was done meanwhile is lost", what)
					case !slices.ContainsFunc([][]byte{there, op.now}, func(b []byte) bool { return same(got, b) }) &&
						!madeOfIt:
						t.Errorf("%s: neither the new object nor the one that came between", what)
					}
				}
				if damage := i.damages(); damage != "" {
					t.Errorf("counted as damaged: %s", damage)
				}
			}
		})
	}
}
