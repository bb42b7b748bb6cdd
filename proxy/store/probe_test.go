package store_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"sealfront/proxy/store"
)

func isListing(r *http.Request) bool {
	return r.Method == "GET" && strings.Contains(r.URL.RawQuery, "list-type=2")
}

// status answers a request and reports that it did.
func status(w http.ResponseWriter, code int) bool { w.WriteHeader(code); return true }

// document answers a request with a document and reports that it did.
func document(w http.ResponseWriter, code int, body string) bool {
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
	return true
}

// without drops from a listing the objects whose names match.
func without(r *http.Response, name string) {
	if isListing(r.Request) {
		rewritten(r, func(b []byte) []byte {
			return regexp.MustCompile(`<Contents><Key>[^<]*`+name+`</Key>.*?</Contents>`).ReplaceAll(b, nil)
		})
	}
}

// Each fault of a store is found, and no other.
func TestTheProbeFindsEachFault(t *testing.T) {
	s, _ := memory(t, nil)
	const neverIs = `"0123456789abcdef0123456789abcdef"`
	anyMatch := func(r *http.Request) bool { return r.Method == "DELETE" && r.Header.Get("If-Match") == "*" }
	// ignored are requests with an If-Match that can't hold.
	ignored := func(r *http.Request, method string) bool {
		return r.Method == method && r.Header.Get("If-Match") == neverIs
	}
	copies := func(r *http.Request) bool { return r.Header.Get("X-Amz-Copy-Source") != "" }
	controls := regexp.MustCompile(`%0[1-8BCEF]|%1[0-9A-F]|%EF%BF%B[EF]`)
	var etags atomic.Int64
	for name, c := range map[string]struct {
		answers func(http.ResponseWriter, *http.Request) bool
		alter   func(*http.Response)
		want    string
	}{
		"nothing": {want: "nothing is missing"},

		"an If-Match on PUT that is ignored": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return ignored(r, "PUT") && !copies(r) && status(w, http.StatusOK)
		}, want: "missing: conditional PUT"},
		"an If-Match on PUT that is refused though it holds": {answers: func(w http.ResponseWriter,
			r *http.Request,
		) bool {
			return r.Method == "PUT" && !copies(r) && r.Header.Get("If-Match") != "" && !ignored(r, "PUT") &&
				status(w, http.StatusBadRequest)
		}, want: "missing: conditional PUT"},
		"conditions on PUT that aren't implemented": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == "PUT" && !copies(r) && r.Header.Get("If-None-Match") != "" &&
				status(w, http.StatusNotImplemented)
		}, want: "missing: conditional PUT"},

		"an If-Match on DELETE that is ignored": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return ignored(r, "DELETE") && status(w, http.StatusNoContent)
		}, want: "missing: conditional DELETE"},
		"a star taken for an ETag": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return anyMatch(r) && status(w, http.StatusPreconditionFailed)
		}, want: "missing: DELETE If-Match: *"},
		"a star that is ignored": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return anyMatch(r) && strings.HasSuffix(r.URL.Path, "/none") && status(w, http.StatusNoContent)
		}, want: "missing: DELETE If-Match: *"},
		"a deletion that deletes nothing": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return anyMatch(r) && strings.HasSuffix(r.URL.Path, "/any") && status(w, http.StatusNoContent)
		}, want: "missing: DELETE If-Match: *"},

		"conditions on copies that are ignored": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return ignored(r, "PUT") && copies(r) && document(w, http.StatusOK, "<CopyObjectResult/>")
		}, want: "missing: conditional copy"},
		"conditions on copies that fail within a 200": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return ignored(r, "PUT") && copies(r) && document(w, http.StatusOK, fault("PreconditionFailed"))
		}, want: "nothing is missing"},
		"conditions on copies that aren't implemented, within a 200": {answers: func(w http.ResponseWriter,
			r *http.Request,
		) bool {
			return ignored(r, "PUT") && copies(r) && document(w, http.StatusOK, fault("NotImplemented"))
		}, want: "missing: conditional copy"},
		"conditions on Complete that are ignored": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return ignored(r, "POST") && document(w, http.StatusOK, "<CompleteMultipartUploadResult/>")
		}, want: "missing: conditional Complete"},

		"copies onto themselves that aren't implemented": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return copies(r) && strings.HasSuffix(r.URL.Path, "/self") && status(w, http.StatusNotImplemented)
		}, want: "missing: atomic copy of an object onto itself"},
		"a failed copy that leaves no metadata": {alter: func() func(*http.Response) {
			var failed atomic.Bool
			return func(r *http.Response) {
				if !strings.HasSuffix(r.Request.URL.Path, "/self") {
					return
				}
				if r.StatusCode >= 400 {
					failed.Store(true)
				} else if failed.Load() {
					r.Header.Del("X-Amz-Meta-Probe")
				}
			}
		}(), want: "missing: atomic copy of an object onto itself"},
		"copies that change the ETag": {alter: func(r *http.Response) {
			if r.Request.Method == "HEAD" && strings.HasSuffix(r.Request.URL.Path, "/parts") {
				r.Header.Set("Etag", fmt.Sprintf(`"%d"`, etags.Add(1)))
			}
		}, want: "missing: copies that keep the ETag"},
		"copies of objects of parts that are refused": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return copies(r) && strings.HasSuffix(r.URL.Path, "/parts") && status(w, http.StatusBadRequest)
		}, want: "missing: copies that keep the ETag"},
		"a part number above 9,999 that is refused": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.RawQuery, "partNumber=10000") && status(w, http.StatusBadRequest)
		}, want: "missing: gaps in part numbers"},
		"an upload that can't be completed of its last part": {answers: func(w http.ResponseWriter,
			r *http.Request,
		) bool {
			if r.Method != "POST" || !strings.HasSuffix(r.URL.Path, "/parts") ||
				!strings.HasPrefix(r.URL.RawQuery, "uploadId=") {
				return false
			}
			return r.ContentLength > int64(len("<CompleteMultipartUpload>")) &&
				strings.Contains(r.URL.Path, "/parts") &&
				partNumber(r) == "10000" && document(w, http.StatusOK, fault("InvalidPart"))
		}, want: "missing: gaps in part numbers"},

		"cut-off bodies that become objects": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == "GET" && strings.HasSuffix(r.URL.Path, "/cut") && status(w, http.StatusOK)
		}, want: "missing: refusal of cut-off bodies"},
		"little room for metadata": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == "PUT" && len(r.Header.Get("X-Amz-Meta-Probe")) == 2000 &&
				r.Header.Get("X-Amz-Tagging") == "" &&
				status(w, http.StatusBadRequest)
		}, want: "missing: 2,000 bytes of user metadata"},
		"metadata that is cut off": {alter: func(r *http.Response) {
			if value := r.Header.Get("X-Amz-Meta-Probe"); len(value) > 1000 {
				r.Header.Set("X-Amz-Meta-Probe", value[:1000])
			}
		}, want: "missing: 2,000 bytes of user metadata, 1,200 bytes of user metadata"},
		"tags that fail halfway": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return len(r.Header.Get("X-Amz-Tagging")) > 1600 && status(w, http.StatusInternalServerError)
		}, want: "missing: room for ten tags of full size"},

		"a 304 without headers": {alter: func(r *http.Response) {
			if r.StatusCode == http.StatusNotModified {
				r.Header = http.Header{}
			}
		}, want: "missing: validators in 304 answers"},
		"an Expires that is dropped": {alter: func(r *http.Response) {
			if r.Header.Get("Expires") == "0" {
				r.Header.Del("Expires")
			}
		}, want: "missing: Expires values that are no date"},
		"pages of a delimiter that never end": {alter: func(r *http.Response) {
			if isListing(r.Request) && strings.Contains(r.Request.URL.RawQuery, "delimiter=-") {
				rewritten(r, func(b []byte) []byte {
					return regexp.MustCompile(`[ab]-</Prefix></C`).ReplaceAll(b, []byte("a-</Prefix></C"))
				})
			}
		}, want: "missing: delimiters other than a slash"},
		"delimiters that are refused": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return isListing(r) && strings.Contains(r.URL.RawQuery, "delimiter=-") && status(w, http.StatusBadRequest)
		}, want: "missing: delimiters other than a slash"},
		"children that aren't listed": {
			alter: func(r *http.Response) { without(r, "/u/p") },
			want:  "missing: listings of a key's children",
		},

		"a child of an object that is refused": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/u/p") && status(w, http.StatusConflict)
		}, want: "cannot store both `a` and `a/b`"},
		"a child that takes the place of its parent": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == "GET" && strings.HasSuffix(r.URL.Path, "/u") && status(w, http.StatusNotFound)
		}, want: "cannot store both `a` and `a/b`"},
		"characters shown as others": {alter: func(r *http.Response) {
			if isListing(r.Request) {
				rewritten(r, func(b []byte) []byte { return controls.ReplaceAll(b, []byte("%EF%BF%BD")) })
			}
		}, want: "cannot store keys with control characters"},
		"a listing that no XML reader takes": {alter: func(r *http.Response) {
			if isListing(r.Request) {
				rewritten(r, func(b []byte) []byte { return controls.ReplaceAll(b, []byte{1}) })
			}
		}, want: "cannot store keys with control characters"},
		"a directory of the store's own": {
			alter: func(r *http.Response) { without(r, `/\.sgwtmp[^<]*`) },
			want:  "cannot store keys with names that it reserves",
		},
		"folders without metadata": {alter: func(r *http.Response) {
			if strings.HasSuffix(r.Request.URL.Path, "/folder/") {
				r.Header.Del("X-Amz-Meta-Probe")
			}
		}, want: "cannot store keys that end in a slash"},
		"names that can't be replaced": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return len(r.URL.Path) > 260 && r.Method == "PUT" && status(w, http.StatusConflict)
		}, want: "cannot store keys with long segments"},
		"empty segments that are refused": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, "//") && status(w, http.StatusBadRequest)
		}, want: "cannot store keys with empty segments"},
		"dot segments that are refused as a failure": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return (strings.Contains(r.URL.Path, "/./") || strings.Contains(r.URL.Path, "/..") &&
				!strings.Contains(r.URL.Path, "/.. ")) &&
				status(w, http.StatusInternalServerError)
		}, want: "cannot store keys with dot segments"},
		"dots that are trimmed": {
			alter: func(r *http.Response) { without(r, `/s[123]/[^<]*`) },
			want:  "cannot store keys with dots and blanks as a segment",
		},
		"backslashes that are separators": {
			alter: func(r *http.Response) { without(r, `/b1/[^<]*`) },
			want:  "cannot store keys with dots between backslashes",
		},
		"names without case": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == "GET" && strings.HasSuffix(r.URL.Path, "/case/A") && document(w, http.StatusOK, "11")
		}, want: "cannot store keys that differ in case or normal form only"},
		"several": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return (strings.Contains(r.URL.Path, "//") || anyMatch(r) || strings.HasSuffix(r.URL.Path, "/u/p")) &&
				status(w, http.StatusBadRequest)
		}, want: "missing: DELETE If-Match: *; cannot store both `a` and `a/b`, keys with empty segments"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := front(t, s, c.answers, c.alter).Probe(t.Context(), bucket)
			if err != nil {
				t.Fatal(err)
			}
			if a.String() != c.want {
				t.Errorf("%q, want %q", a, c.want)
			}
		})
	}
}

// partNumber is the number of the only part that a CompleteMultipartUpload lists. The body stays readable.
func partNumber(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	_, rest, _ := strings.Cut(string(body), "<PartNumber>")
	number, _, _ := strings.Cut(rest, "<")
	return number
}

// How much room there is for tags is found step by step.
func TestTheProbeFindsTheRoomForTags(t *testing.T) {
	s, _ := memory(t, nil)
	for most, want := range map[int]int{0: 0, 600: 2500, 1600: 3500, 1 << 20: math.MaxInt} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			t.Parallel()
			a, err := front(t, s, func(w http.ResponseWriter, r *http.Request) bool {
				return len(r.Header.Get("X-Amz-Tagging")) > most && status(w, http.StatusInsufficientStorage)
			}, nil).Probe(t.Context(), bucket)
			if err != nil || a.TagRoom != want {
				t.Errorf("%d bytes, %v; want %d", a.TagRoom, err, want)
			}
		})
	}
}

// A key beside its child is all that ListsChildren tries.
func TestListsChildren(t *testing.T) {
	s, _ := memory(t, nil)
	for name, c := range map[string]struct {
		answers func(http.ResponseWriter, *http.Request) bool
		alter   func(*http.Response)
		want    bool
	}{
		"both are listed": {nil, nil, true},
		"the child isn't": {nil, func(r *http.Response) { without(r, "/u/p") }, false},
		"both can't be stored": {func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/u/p") && status(w, 409)
		}, nil, true},
	} {
		listed, err := front(t, s, c.answers, c.alter).ListsChildren(t.Context(), bucket)
		if err != nil || listed != c.want {
			t.Errorf("%s: %t, %v", name, listed, err)
		}
	}
}

// A store that can't be tried is an error, and no ability that is missing.
func TestAStoreThatCannotBeTried(t *testing.T) {
	s, _ := memory(t, nil)
	for name, c := range map[string]*store.Client{
		"throttled": answering(t, http.StatusServiceUnavailable, fault("SlowDown")),
		"garbled": serving(t, func(w http.ResponseWriter, _ *http.Request) {
			_,
				_ = hijacked(w).Write([]byte("what?\r\n\r\n"))
		}, nil),
	} {
		a, err := c.Probe(t.Context(), bucket)
		if err == nil || !strings.Contains(err.Error(), "probe the store (conditional PUT)") {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	// A plain name that doesn't come back says that no answer can be trusted.
	_, err := front(t, s, nil, func(r *http.Response) { without(r, "/plain/name.txt") }).Probe(t.Context(), bucket)
	if err == nil || !strings.Contains(err.Error(), "plain name") {
		t.Errorf("a plain name that isn't listed: %v", err)
	}
}

// What would keep a store from being used is tried twice.
func TestTheProbeTriesTwiceBeforeItRefusesAStore(t *testing.T) {
	s, _ := memory(t, nil)
	for name, c := range map[string]struct {
		suffix string
		has    func(store.Abilities) bool
	}{
		"conditional PUT": {"/conditional", func(a store.Abilities) bool { return a.ConditionalPut }},
		"metadata":        {"/metadata", func(a store.Abilities) bool { return a.SomeMetadata }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for fails, want := range map[int64]bool{1: true, 8: false} {
				var left atomic.Int64
				left.Store(fails)
				a, err := front(t, s, func(w http.ResponseWriter, r *http.Request) bool {
					value := r.Header.Get("X-Amz-Meta-Probe")
					if r.Method != "PUT" || !strings.HasSuffix(r.URL.Path, c.suffix) || value != "" &&
						len(value) != 1200 ||
						left.Add(-1) < 0 {
						return false
					}
					return status(w, http.StatusNotImplemented)
				}, nil).Probe(t.Context(), bucket)
				if err != nil || c.has(a) != want {
					t.Errorf("after %d failures: %v, %v", fails, a, err)
				}
			}
		})
	}
}

// One answer of no use, as of a gateway whose store restarts, is no reason to refuse a start.
func TestTheProbeOutlivesOneBadGateway(t *testing.T) {
	s, _ := memory(t, nil)
	var sent atomic.Int64
	a, err := front(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/described") && sent.Add(1) == 1 && status(w, http.StatusBadGateway)
	}, nil).Probe(t.Context(), bucket)
	if err != nil || a.String() != "nothing is missing" || sent.Load() < 2 {
		t.Errorf("%s, %v; %d requests", a, err, sent.Load())
	}
}
