package store_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/proxy/store"
)

func TestObjectsAreReadAndWrittenByCondition(t *testing.T) {
	_, c := memory(t, nil)
	for name, o := range map[string]*store.Objects{
		"the store tests conditions": c.Objects(bucket), "a single writer": c.Objects(bucket).SingleWriter(),
	} {
		t.Run(name, func(t *testing.T) {
			key := "dir/" + name
			if _, _, err := o.Get(t.Context(), key); !errors.Is(err, store.ErrNotExist) ||
				!errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("GET of nothing: %v", err)
			}
			if _, err := o.Put(t.Context(), key, []byte("0"), `"other"`); err == nil {
				t.Fatal("an object that isn't there was replaced")
			}
			first, err := o.Put(t.Context(), key, []byte("1"), "")
			if err != nil || first == "" {
				t.Fatalf("%q, %v", first, err)
			}
			for _, ifMatch := range []string{"", `"0123456789abcdef0123456789abcdef"`} {
				if _, err := o.Put(t.Context(), key, []byte("2"), ifMatch); !errors.Is(err, store.ErrExists) ||
					!errors.Is(err, fs.ErrExist) {
					t.Errorf("PUT if %q: %v", ifMatch, err)
				}
			}
			if body, etag, err := o.Get(t.Context(), key); string(body) != "1" || etag != first || err != nil {
				t.Errorf("after refused PUTs: %q, %q, %v", body, etag, err)
			}
			second, err := o.Put(t.Context(), key, []byte("3"), first)
			if err != nil || second == first {
				t.Errorf("PUT if it is the first: %q, %v", second, err)
			}
			if _, err := o.Put(t.Context(), key, nil, "*"); err != nil {
				t.Errorf("PUT of nothing, whatever is there: %v", err)
			}
			if body, _, err := o.Get(t.Context(), key); len(body) != 0 || err != nil {
				t.Errorf("an empty object: %q, %v", body, err)
			}
			for range 2 {
				if err := o.Delete(t.Context(), key); err != nil {
					t.Errorf("DELETE: %v", err)
				}
			}
		})
	}
}

// Of many that want to make one object, one does, also where the store is no help.
func TestASingleWriterLetsOneOfManyWrite(t *testing.T) {
	_, c := memory(t, nil)
	o := c.Objects(bucket).SingleWriter()
	var made atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			switch _, err := o.Put(t.Context(), "one", []byte("x"), ""); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, store.ErrExists):
				t.Error(err)
			}
		})
	}
	if group.Wait(); made.Load() != 1 {
		t.Errorf("%d made the same object", made.Load())
	}
}

// What a store answers wrongly is an error, and nothing else.
func TestObjectsOfAStoreThatAnswersWrongly(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		do     func(*store.Objects) error
		want   string
	}{
		"a deletion that fails": {
			503, fault("SlowDown"), func(o *store.Objects) error { return o.Delete(t.Context(), "k") },
			"the store answered DeleteObject with 503 SlowDown no",
		},
		"a bucket that isn't there": {404, fault("NoSuchBucket"), func(o *store.Objects) error {
			_, _, err := o.Get(t.Context(), "k")
			if errors.Is(err, store.ErrNotExist) {
				t.Error("a bucket that isn't there was taken for an object that isn't")
			}
			return err
		}, "NoSuchBucket"},
		"a conflict": {409, fault("ConditionalRequestConflict"), func(o *store.Objects) error {
			_, err := o.Put(t.Context(), "k", nil, "")
			return err
		}, store.ErrExists.Error()},
		"a fault that isn't XML": {500, "<html>", func(o *store.Objects) error {
			_, err := o.Put(t.Context(), "k", nil, "*")
			return err
		}, "the store answered PutObject with 500"},
		"an object that is too long": {200, strings.Repeat("x", 4<<20+1), func(o *store.Objects) error {
			_, _, err := o.Get(t.Context(), "k")
			return err
		}, "read the store's answer"},
		"an object without an ETag, a single writer's": {200, "", func(o *store.Objects) error {
			_, err := o.SingleWriter().Put(t.Context(), "k", nil, `"e"`)
			return err
		}, `no ETag of "k"`},
		"a HEAD that fails, a single writer's": {503, "", func(o *store.Objects) error {
			_, err := o.SingleWriter().Put(t.Context(), "k", nil, `"e"`)
			return err
		}, "the store answered HeadObject with 503"},
	} {
		err := c.do(answering(t, c.status, c.body).Objects(bucket))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// The state's bucket is made where it is missing, by one of several replicas.
func TestCreateMakesABucketOnce(t *testing.T) {
	_, c := memory(t, nil)
	o := c.Objects("state")
	for range 2 {
		if err := o.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.Put(t.Context(), "k", nil, ""); err != nil {
		t.Error(err)
	}
	for name, answers := range map[string]struct {
		head []int // to HeadBucket, one after the other
		put  int
		body string
		want string
	}{
		"another replica's, S3's answer":          {[]int{404}, 409, fault("BucketAlreadyOwnedByYou"), ""},
		"another replica's, an unexpected answer": {[]int{404, 200}, 500, fault("InternalError"), ""},
		"a failure": {
			[]int{404, 404},
			500, fault("InternalError"),
			"the store answered CreateBucket with 500 InternalError no",
		},
		"no permission": {[]int{403, 403}, 403, fault("AccessDenied"), "AccessDenied"},
	} {
		heads := answers.head
		client := serving(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "HEAD" {
				w.WriteHeader(heads[0])
				heads = heads[1:]
				return
			}
			document(w, answers.put, answers.body)
		}, nil)
		err := client.Objects("state").Create(t.Context())
		if (err == nil) != (answers.want == "") || err != nil && !strings.Contains(err.Error(), answers.want) {
			t.Errorf("%s: %v, want %q", name, err, answers.want)
		}
		if len(heads) > 0 {
			t.Errorf("%s: the bucket wasn't looked for again", name)
		}
	}
}

// A bucket is made in the store's region, with Object Lock when it shall have it.
func TestCreateBucketSaysWhereAndWithWhat(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*store.Options)
		bucket string
		locked bool
		want   string
	}{
		"us-east-1": {nil, bucket, false, ""},
		"another Region": {
			func(o *store.Options) { o.Region = "eu-west-1" }, bucket, true,
			"<LocationConstraint>eu-west-1</LocationConstraint>",
		},
		"a zone": {
			func(o *store.Options) { o.Directory = true }, "b--usw2-az1--x-s3", false,
			"<Location><Name>usw2-az1</Name><Type>AvailabilityZone</Type></Location>" +
				"<Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy>",
		},
		"a Local Zone": {
			func(o *store.Options) { o.Directory = true }, "b--usw2-lax1-az1--x-s3", false,
			"<Type>LocalZone</Type></Location><Bucket><DataRedundancy>SingleLocalZone</DataRedundancy>",
		},
		"no zone in the name": {
			func(o *store.Options) { o.Directory, o.Region = true, "eu-west-1" }, bucket, false,
			"",
		},
	} {
		var body, lock string
		client := serving(t, func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			body, lock = string(b), r.Header.Get("X-Amz-Bucket-Object-Lock-Enabled")
		}, c.change)
		if err := client.CreateBucket(t.Context(), c.bucket, c.locked); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(body, c.want) || c.want == "" && body != "" || (lock == "true") != c.locked {
			t.Errorf("%s: body %q, Object Lock %q", name, body, lock)
		}
	}
	for status, exists := range map[int]bool{409: true, 403: false} {
		err := answering(t, status, fault("X")).CreateBucket(t.Context(), bucket, false)
		if err == nil || errors.Is(err, store.ErrExists) != exists {
			t.Errorf("%d: %v", status, err)
		}
	}
	if err := unreachable(t).CreateBucket(t.Context(), bucket, false); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a store that can't be reached: %v", err)
	}
	if err := unreachable(t).Objects(bucket).Create(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a store that can't be reached: %v", err)
	}
}

// An entry of Objects.List.
type entry struct {
	name, etag string
	size       int64
	modified   time.Time
}

func list(t *testing.T, o *store.Objects, prefix, start string) (all []entry, more bool, err error) {
	t.Helper()
	more, err = o.List(t.Context(), prefix, start, func(name, etag string, size int64, modified time.Time) {
		all = append(all, entry{name, etag, size, modified})
	})
	return all, more, err
}

func TestObjectsAreListedInOrder(t *testing.T) {
	_, c := memory(t, nil)
	o := c.Objects(bucket)
	etags := map[string]string{}
	for _, name := range []string{"a/2", "a/1 +%", "a/3", "b"} {
		etag, err := o.Put(t.Context(), name, []byte(name), "")
		if err != nil {
			t.Fatal(err)
		}
		etags[name] = etag
	}
	all, more, err := list(t, o, "a/", "")
	if err != nil || more || len(all) != 3 {
		t.Fatalf("%v, %t, %v", all, more, err)
	}
	for i, want := range []string{"a/1 +%", "a/2", "a/3"} {
		e := all[i]
		if e.name != want || e.etag != etags[want] || e.size != int64(len(want)) ||
			time.Since(e.modified).Abs() > time.Minute {
			t.Errorf("%+v, want %q", e, want)
		}
	}
	if all, _, err := list(t, o, "a/", "a/2"); err != nil || len(all) != 1 || all[0].name != "a/3" {
		t.Errorf("after a/2: %v, %v", all, err)
	}
}

// object is an entry of a listing's document.
func object(name string) string {
	return "<Contents><Key>" + name +
		"</Key><LastModified>2026-01-02T03:04:05Z</LastModified><ETag>e</ETag><Size>1</Size></Contents>"
}

// A store of directory buckets lists in no order; what it lists is put in order, from all of its pages.
func TestObjectsOfADirectoryBucketAreListedInOrder(t *testing.T) {
	pages := map[string]string{
		"": object("d/c") + object("d/a") +
			"<IsTruncated>true</IsTruncated><NextContinuationToken>1</NextContinuationToken>",
		"1": object("d/d") + object("d/b") + "<IsTruncated>false</IsTruncated>",
	}
	directory := func(o *store.Options) { o.Directory = true }
	var asked []string
	client := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "session=" {
			fmt.Fprintf(w, sessionDocument, "t", "s", "a", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
			return
		}
		asked = append(asked, r.URL.Query().Get("prefix")+"|"+r.URL.Query().Get("start-after"))
		document(w, http.StatusOK, "<R>"+pages[r.URL.Query().Get("continuation-token")]+"</R>")
	}, directory)
	if !client.Directory() {
		t.Error("it isn't said that the store is one of directory buckets")
	}
	all, more, err := list(t, client.Objects(bucket), "d/", "d/a")
	if err != nil || more || len(all) != 3 || all[0].name != "d/b" || all[1].name != "d/c" || all[2].name != "d/d" {
		t.Errorf("%v, %t, %v", all, more, err)
	}
	if strings.Join(asked, " ") != "d/| d/|" {
		t.Errorf("the store was sent %q: prefix and start-after", asked)
	}
	pages["1"] = "<IsTruncated>true</IsTruncated>"
	if _, _, err := list(t, client.Objects(bucket), "d/", ""); err == nil ||
		!strings.Contains(err.Error(), "without a continuation token") {
		t.Errorf("a page without a token: %v", err)
	}
	pages[""] = "<"
	if _, _, err := list(t, client.Objects(bucket), "d/", ""); err == nil {
		t.Error("a page that can't be read is no error")
	}
}

// A listing that can't be read is an error: none of it counts.
func TestListingsThatCannotBeRead(t *testing.T) {
	for name, body := range map[string]string{
		"no XML":          "what?",
		"cut off":         "<R>" + object("a"),
		"no time":         "<R><Contents><Key>a</Key><LastModified>yesterday</LastModified></Contents></R>",
		"a wrong escape":  "<R><EncodingType>url</EncodingType>" + object("a%zz") + "</R>",
		"a wrong size":    "<R><Contents><Key>a</Key><Size>x</Size></Contents></R>",
		"a wrong boolean": "<R><IsTruncated>perhaps</IsTruncated></R>",
		"too long":        "<R>" + strings.Repeat(" ", 4<<20) + "</R>",
	} {
		all, _, err := list(t, answering(t, http.StatusOK, body).Objects(bucket), "", "")
		if err == nil || len(all) > 0 {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	if _, _, err := list(t, answering(t, http.StatusForbidden, fault("AccessDenied")).Objects(bucket), "",
		""); err == nil {
		t.Error("a refused listing is no error")
	}
}
