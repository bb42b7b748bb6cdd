package store_test

import (
	"context"
	"testing"

	"sealfront/proxy/store"
)

// What goes out under a context, or under one made from it, is counted, each attempt; elsewhere nothing is.
func TestSentRequestsAreCounted(t *testing.T) {
	away := unreachable(t)
	ctx := store.Counted(t.Context())
	derived, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if n := store.Sent(derived); n != 0 {
		t.Errorf("%d before any", n)
	}
	for _, ctx := range []context.Context{ctx, derived, t.Context()} {
		if _, err := away.Do(ctx,
			&store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: "b", Key: "k"}); err == nil {
			t.Error("the store can be reached")
		}
	}
	if n := store.Sent(ctx); n != 2 || store.Sent(derived) != 2 || store.Sent(store.Counted(ctx)) != 0 {
		t.Errorf("%d, want 2", n)
	}
	if n := store.Sent(t.Context()); n != -1 {
		t.Errorf("%d where nothing is counted", n)
	}
	if n := testing.AllocsPerRun(100, func() { _ = store.Sent(derived) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
