package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A range of 4 KiB costs one request to the store and the segments that it touches, two at most, wherever it lies and
// however large the object is; the first read of an object of several parts looks at its trailer, too.
func TestASmallRangeAsksForTheSegmentsItTouches(t *testing.T) {
	t.Parallel()
	const segment = 64<<10 + 16
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/ranges"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	bodies := map[string][]byte{
		"whole": proxytest.RandomBytes(8*proxytest.MiB + 5),
		"parts": proxytest.RandomBytes(10*proxytest.MiB + 7),
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/ranges/whole",
		Body: string(bodies["whole"]),
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	u := proxytest.NewUploader(t, p.Client(t), "ranges", "parts")
	u.Part(1, bodies["parts"][:5*proxytest.MiB])
	u.Part(2, bodies["parts"][5*proxytest.MiB:])
	if _, err := u.Complete(1, 2); err != nil {
		t.Fatal(err)
	}
	for key, body := range bodies {
		read := func(first int) []int64 {
			t.Helper()
			f.Seen()
			a := p.Do(&proxytest.Request{
				Method: "GET", Path: "/ranges/" + key,
				Header: []sigv4.Field{proxytest.Field("Range", fmt.Sprintf("bytes=%d-%d", first, first+4<<10-1))},
			})
			if a.StatusCode != 206 || a.Text != string(body[first:first+4<<10]) {
				t.Fatalf("%s from %d: %d, %d bytes", key, first, a.StatusCode, len(a.Text))
			}
			var asked []int64
			for _, r := range f.Seen() {
				if r.Method != "GET" || !strings.HasSuffix(r.URL.Path, "/"+key) {
					continue // the bucket's record
				}
				var from, to int64
				if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
					t.Fatalf("the store was asked for %q", r.Header.Get("Range"))
				}
				asked = append(asked, to-from+1)
			}
			return asked
		}
		read(0) // the layout of several parts is known from now on
		for first, segments := range map[int]int64{
			0: 1, 100: 1, 64<<10 - 1: 2, 5*proxytest.MiB - 4<<10: 1,
			5*proxytest.MiB - 1: 2, len(body) - 4<<10: 2, 3*proxytest.MiB + 123: 1,
		} {
			if asked := read(first); len(asked) != 1 || asked[0] > segments*segment {
				t.Errorf("%s from %d: the store was asked for %d bytes, want one request of at most %d", key, first,
					asked, segments*segment)
			}
		}
	}
}
