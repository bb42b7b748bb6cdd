package objects_test

import (
	"slices"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// A copy has the tags of its source or those that the client gave, whatever way it takes.
func TestCopiesHaveTheTagsThatTheyShall(t *testing.T) {
	const set = "b=1&a=%C3%A4"
	noConditions := lessAble(func(a *store.Abilities) { a.ConditionalCopy = false })
	for _, way := range []struct {
		name   string
		data   []byte
		e      policy.Encryption
		change func(o *objects.Options)
		match  bool
	}{
		{"by the store", large, sseKMS, nil, false},
		{"with its metadata", small, sseKMS, nil, false},
		{"without bytes", []byte{}, sseKMS, nil, false},
		{"through the proxy", large, sseKMS, noConditions, true},
		{"sealed anew", large, sseS3, nil, false},
		{"in pieces", random(6, 10*mib+300), sseKMS, func(o *objects.Options) { o.CopyLimit = 6 * mib }, false},
	} {
		t.Run(way.name, func(t *testing.T) {
			i := install(t, way.change)
			i.put(t, "source", way.data, objects.TagsHeader, set)
			for _, c := range []struct {
				name string
				tags objects.Tags
				want string
			}{
				{"of the source", objects.Tags{}, set},
				{"given", objects.Tags{Replace: true, Set: "c=3"}, "c=3"},
				{"none", objects.Tags{Replace: true}, ""},
			} {
				x := i.in(t, things, policy.CopyObject, "key")
				_, _, err := copyTo(t.Context(), x, i.object(t, "source"), way.e, func(k *objects.Copy) {
					k.Tags = c.tags
					if way.match {
						k.Conditions.Match = "*"
						i.put(t, "key", older)
						_, header := i.front.stored(t, things+"-s", "key")
						k.Conditions.Match = header.Get("Etag")
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if got := i.front.tags[things+"-s/key"]; got != c.want {
					t.Errorf("tags %s: %q, want %q", c.name, got, c.want)
				}
			}
			for _, c := range []struct {
				name string
				turn turn
				code string
			}{
				{"the request is lost", drop, "ServiceUnavailable"},
				{"the source is gone", refuse(404, "NoSuchKey"), "ServiceUnavailable"},
				{"the store fails", refuse(500, "InternalError"), "InternalError"},
				{"no document", write("what?"), "InternalError"},
				{"half a document", edit(cut(9)), "ServiceUnavailable"},
			} {
				i.front.set(on("GetObjectTagging", c.turn))
				_, _, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "other"), i.object(t, "source"),
					way.e, func(k *objects.Copy) {
						if way.match {
							k.Conditions.NoneMatch = "*"
						}
					})
				asked := slices.Contains(i.front.sent(), "GetObjectTagging")
				i.front.set(nil)
				if !asked {
					if err != nil || way.name != "by the store" {
						t.Errorf("%s: %v, and nobody asked for the tags", c.name, err)
					}
					continue
				}
				wantCode(t, c.name, err, c.code)
				i.wantRead(t, c.name, i.object(t, "other"), nil)
			}
		})
	}
}

// What the store says about tags of a size that it can't hold is one error.
func TestTagsTheStoreHasNoRoomFor(t *testing.T) {
	i := install(t, func(o *objects.Options) { o.Abilities.TagRoom = 2000 })
	for _, c := range []struct {
		name     string
		status   int
		document int
		out      bool
	}{
		{"a large document and a failure", 500, 2000, true},
		{"a large document and a full store", 507, 2000, true},
		{"a small document", 500, 1024, false},
		{"a refusal", 400, 2000, false},
	} {
		if got := i.OutOfTagRoom(&store.Fault{Status: c.status}, c.document); got != c.out {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if install(t, nil).OutOfTagRoom(&store.Fault{Status: 500}, 2000) {
		t.Error("a store that holds all tags is out of room")
	}
	_, err := putTo(t.Context(), i.object(t, "key"), sseKMS, &body{data: small}, objects.Conditions{},
		objects.TagsHeader, "a=%zz")
	wantCode(t, "tags that aren't encoded", err, "InternalError")
}

// An object that gets another key keeps its tags, whatever way that takes.
func TestTagsStayUnderAnotherKey(t *testing.T) {
	const set = "a=1&b=2"
	md5 := memstore.Options{MD5: true}
	noCopy := func(a *store.Abilities) { a.CopyKeepsETag = false }
	put := func(data []byte) func(t *testing.T, i *installation) {
		return func(t *testing.T, i *installation) { i.put(t, "key", data, objects.TagsHeader, set) }
	}
	for _, c := range []struct {
		name    string
		able    func(a *store.Abilities)
		prepare func(t *testing.T, i *installation)
	}{
		{"by a copy", func(*store.Abilities) {}, put(large)},
		{"small", noCopy, put(small)},
		{"large", noCopy, put(large)},
		{"empty", noCopy, put([]byte{})},
		{"of parts", noCopy, func(t *testing.T, i *installation) {
			i.upload(t, "key", part, small)
			i.front.tags[things+"-s/key"] = set // an upload's are its Create's, which the front doesn't follow
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := installOver(t, md5, alone, lessAble(c.able))
			c.prepare(t, i)
			for _, lost := range []bool{true, false} {
				var asked, tagged string
				i.front.watch(func(r *store.Request) {
					switch r.Operation {
					case "GetObjectTagging":
						asked = r.Key
					case "PutObject", "CreateMultipartUpload":
						tagged = headerOf(r, objects.TagsHeader)
					case "CopyObject":
						tagged = map[string]string{"COPY": set}[headerOf(r, objects.TagDirective)]
					}
				})
				if lost {
					i.front.set(on("GetObjectTagging", drop))
				}
				_, err := reencrypt(t.Context(), i.in(t, things, policy.UpdateObjectEncryption, "key"),
					policy.Encryption{SSE: policy.SSEKMS, KeyARN: otherKey, BucketKey: true})
				i.front.set(nil)
				switch {
				case lost && asked != "":
					wantCode(t, "without the tags", err, "ServiceUnavailable")
				case err != nil:
					t.Error(err)
				case tagged != set:
					t.Errorf("the new object has the tags %q", tagged)
				}
			}
		})
	}
}
