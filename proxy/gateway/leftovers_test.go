package gateway_test

import (
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// What requests take, they give back: slabs, and connections to the store, of which there are two here. One that is
// kept by each request of a kind would leave none for the next ones.
func TestRequestsGiveBackWhatTheyTake(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, strings.Replace(proxytest.EmbeddedWith(t, ""), "{kind: embedded}",
		"{kind: embedded, connections: 2}", 1))
	body := strings.Repeat("plaintext ", 60_000)
	p.Put(proxytest.DemoBucket, "object", body)
	path := proxytest.DemoPath + "object"
	ranged := []sigv4.Field{proxytest.Field("Range", "bytes=70000-140000")}
	kinds := map[string]struct {
		request proxytest.Request
		status  int
		length  int
	}{
		"the whole object": {proxytest.Request{Method: "GET", Path: path}, 200, len(body)},
		"a range":          {proxytest.Request{Method: "GET", Path: path, Header: ranged}, 206, 70_001},
		"a part":           {proxytest.Request{Method: "GET", Path: path, Query: "partNumber=1"}, 206, len(body)},
		"a range behind it": {proxytest.Request{
			Method: "GET", Path: path,
			Header: []sigv4.Field{proxytest.Field("Range", "bytes=999999-")},
		}, 416, -1},
		"a condition that fails": {proxytest.Request{
			Method: "GET", Path: path,
			Header: []sigv4.Field{proxytest.Field("If-Match", `"sf-other"`)},
		}, 412, -1},
		"what isn't there": {proxytest.Request{Method: "GET", Path: path + "-not"}, 404, -1},
		"a head":           {proxytest.Request{Method: "HEAD", Path: path}, 200, 0},
		"attributes": {proxytest.Request{
			Method: "GET", Path: path, Query: "attributes=",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Object-Attributes", "Checksum,ObjectParts")},
		}, 200, -1},
		"a put": {proxytest.Request{Method: "PUT", Path: path + "2", Body: body}, 200, -1},
		"a put of a wrong hash": {proxytest.Request{
			Method: "PUT", Path: path + "3", Body: body,
			Hash: strings.Repeat("0", 64),
		}, 400, -1},
		"a copy": {proxytest.Request{
			Method: "PUT", Path: path + "4",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", path)},
		}, 200, -1},
		"a copy that opens it": {proxytest.Request{Method: "PUT", Path: path + "5", Header: []sigv4.Field{
			proxytest.Field("X-Amz-Copy-Source", path), proxytest.Field("X-Amz-Checksum-Algorithm", "SHA256"),
		}}, 200, -1},
		"a listing": {
			proxytest.Request{Method: "GET", Path: "/" + proxytest.DemoBucket, Query: "list-type=2"},
			200,
			-1,
		},
	}
	for name, kind := range kinds {
		for n := range 6 {
			a := p.Do(&kind.request)
			if a.StatusCode != kind.status || kind.length >= 0 && len(a.Text) != kind.length {
				t.Fatalf("%s, request %d: %d with %d bytes, want %d with %d", name, n, a.StatusCode, len(a.Text),
					kind.status, kind.length)
			}
		}
	}
	for _, gauge := range []string{"sealfront_slabs_in_use", "sealfront_active_requests"} {
		proxytest.Eventually(t, "nothing left in "+gauge, func() bool { return p.Metric(gauge) == 0 })
	}
}
