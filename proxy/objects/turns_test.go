package objects_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// A turn answers a request in the store's place.
type turn func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error)

// nth meets the request with this number, counted from 0, and no other. met reports whether there was one.
func nth(n int, do turn) (meet func(*store.Request) turn, met func() bool) {
	var mu sync.Mutex
	count := 0
	return func(*store.Request) turn {
			mu.Lock()
			defer mu.Unlock()
			count++
			if count-1 == n {
				return do
			}
			return nil
		}, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return count > n
		}
}

// on meets each request of an operation.
func on(operation string, do turn) func(*store.Request) turn {
	return func(r *store.Request) turn {
		if r.Operation == operation {
			return do
		}
		return nil
	}
}

// once meets the first request of an operation, after skipping some of them.
func once(operation string, skip int, do turn) func(*store.Request) turn {
	var mu sync.Mutex
	return func(r *store.Request) turn {
		if r.Operation != operation {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		skip--
		if skip == -1 {
			return do
		}
		return nil
	}
}

// first meets a request by the first of several that meets it.
func first(meets ...func(*store.Request) turn) func(*store.Request) turn {
	return func(r *store.Request) turn {
		for _, meet := range meets {
			if do := meet(r); do != nil {
				return do
			}
		}
		return nil
	}
}

// refuse answers a request without carrying it out.
func refuse(status int, code string) turn {
	return func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		a := &answer{status: status, header: make(http.Header)}
		if code != "" && r.Method != http.MethodHead {
			a.body = []byte("<Error><Code>" + code + "</Code><Message>because the test says so</Message></Error>")
		}
		a.length = int64(len(a.body))
		return f.give(ctx, r, a)
	}
}

// write answers a request with this document without carrying it out.
func write(document string) turn {
	return func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		return f.give(ctx, r, &answer{
			status: 200, header: make(http.Header), body: []byte(document),
			length: int64(len(document)),
		})
	}
}

// lose carries a request out and loses its answer.
func lose(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
	a, err := f.pass(ctx, r)
	if err != nil {
		return nil, err
	}
	a.Close()
	return nil, fmt.Errorf("%w: the test lost the answer to %s", store.ErrUnavailable, r.Operation)
}

// drop loses a request.
func drop(_ context.Context, _ *front, r *store.Request) (*store.Answer, error) {
	return nil, fmt.Errorf("%w: the test lost %s", store.ErrUnavailable, r.Operation)
}

// repeat carries a request out twice, as a client's repeated one is on its way, and returns the second answer.
func repeat(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
	if r.Body != nil {
		var memory bytes.Buffer
		if _, err := r.Body.WriteTo(&memory); err != nil {
			return nil, err
		}
		r.Bytes, r.Body = memory.Bytes(), nil
	}
	a, err := f.pass(ctx, r)
	if err != nil {
		return nil, err
	}
	a.Close()
	return f.pass(ctx, r)
}

// before does something, then passes the request on.
func before(do func()) turn {
	return func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		do()
		return f.pass(ctx, r)
	}
}

// after passes the request on, then does something before its answer is seen.
func after(do func()) turn {
	return func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		a, err := f.pass(ctx, r)
		do()
		return a, err
	}
}

// without drops headers of a request: the store doesn't look at them.
func without(names ...string) turn {
	return func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		r.Header = slices.DeleteFunc(slices.Clone(r.Header), func(h sigv4.Field) bool {
			return slices.Contains(names, string(h.Name))
		})
		return f.pass(ctx, r)
	}
}

// edit passes a request on and changes its answer.
func edit(change func(a *answer)) turn {
	return func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		return f.edited(ctx, r, f.pass, change)
	}
}

// edit is the turn with its answer changed.
func (t turn) edit(change func(a *answer)) turn {
	return func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		return f.edited(ctx, r, func(ctx context.Context, r *store.Request) (*store.Answer,
			error,
		) {
			return t(ctx, f, r)
		}, change)
	}
}

// edited has a request answered and changes the answer.
func (f *front) edited(ctx context.Context, r *store.Request,
	do func(context.Context, *store.Request) (*store.Answer, error), change func(a *answer),
) (*store.Answer, error) {
	is, err := do(ctx, r)
	if err != nil {
		return nil, err
	}
	a := &answer{status: is.Status, header: make(http.Header), length: is.ContentLength()}
	is.Header(func(name, value []byte) bool {
		a.header.Add(string(name), string(value))
		return true
	})
	a.body, err = is.Bytes(64 << 20)
	is.Close()
	if err != nil {
		return nil, err
	}
	change(a)
	return f.give(ctx, r, a)
}

// setHeader gives an answer's header another value; "" removes it.
func setHeader(name, value string) func(*answer) {
	return func(a *answer) {
		if a.header.Del(name); value != "" {
			a.header.Set(name, value)
		}
	}
}

// cut ends an answer's body early.
func cut(n int) func(*answer) {
	return func(a *answer) { a.body = a.body[:max(0, len(a.body)-n)] }
}

// flip changes a bit of an answer's body; an offset below 0 counts from its end.
func flip(at int) func(*answer) {
	return func(a *answer) {
		if at < 0 {
			at += len(a.body)
		}
		a.body[at] ^= 1
	}
}
