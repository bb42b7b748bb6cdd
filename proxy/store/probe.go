package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Abilities is what the probe found out about a store. The zero value is the most careful one.
type Abilities struct {
	ConditionalPut      bool  // If-None-Match: * and If-Match on PutObject hold
	ConditionalDelete   bool  // If-Match on DeleteObject holds
	DeleteIfAny         bool  // If-Match: * on DeleteObject holds
	ConditionalCopy     bool  // If-None-Match: * and If-Match on CopyObject's destination hold
	ConditionalComplete bool  // If-None-Match: * and If-Match on CompleteMultipartUpload hold
	AtomicSelfCopy      bool  // an object copied onto itself with new metadata is never seen, or left, without any
	CopyKeepsETag       bool  // an object copied onto itself keeps its ETag, also one that was uploaded in parts
	ETagOfBytes         bool  // the same bytes have the same ETag, put at once or in parts
	CutOffRefused       bool  // a body that ends early leaves no object
	MetadataRoom        bool  // 2,000 bytes of user metadata come back as they were
	SomeMetadata        bool  // 1,200 do; another proxy in front of the store may need the rest
	TagRoom             int   // bytes of names and values of tags and user metadata that an object may have together
	AnyExpires          bool  // Expires comes back when it is no date
	NotModified         bool  // 304 has the headers that 200 would have had
	Delimiters          bool  // listings are rolled up by any delimiter, page by page and to an end
	KeyBesideChild      bool  // "u" and "u/p" can both be objects
	ChildListed         bool  // and then both are listed
	PartGaps            bool  // an upload may be completed of part 10,000 alone, so numbers may have gaps
	Names               Names // which names are held
}

// AllAbilities is what a store has where nothing is missing. ETagOfBytes is not among them: whoever has CopyKeepsETag
// does without it.
func AllAbilities() Abilities {
	return Abilities{
		ConditionalPut: true, ConditionalDelete: true, DeleteIfAny: true, ConditionalCopy: true,
		ConditionalComplete: true,
		AtomicSelfCopy:      true, CopyKeepsETag: true, CutOffRefused: true, MetadataRoom: true, SomeMetadata: true,
		TagRoom: math.MaxInt, AnyExpires: true, NotModified: true, Delimiters: true,
		KeyBesideChild: true, ChildListed: true, PartGaps: true, Names: AllNames(),
	}
}

// String says what is missing, and which keys the store can't hold.
func (a Abilities) String() string {
	missing := absent([]ability{
		{a.ConditionalPut, "conditional PUT"},
		{a.ConditionalDelete, "conditional DELETE"},
		{a.DeleteIfAny, "DELETE If-Match: *"},
		{a.ConditionalCopy, "conditional copy"},
		{a.ConditionalComplete, "conditional Complete"},
		{a.AtomicSelfCopy, "atomic copy of an object onto itself"},
		{a.CopyKeepsETag, "copies that keep the ETag"},
		{a.CutOffRefused, "refusal of cut-off bodies"},
		{a.MetadataRoom, "2,000 bytes of user metadata"},
		{a.SomeMetadata, "1,200 bytes of user metadata"},
		{a.TagRoom == math.MaxInt, "room for ten large tags"},
		{a.AnyExpires, "Expires that is no date"},
		{a.NotModified, "headers of 304"},
		{a.Delimiters, "delimiters other than a slash"},
		{a.ChildListed || !a.KeyBesideChild, "listings of a key's children"},
		{a.PartGaps, "gaps in part numbers"},
	})
	keys := append(absent([]ability{{a.KeyBesideChild, "both `a` and `a/b`"}}), a.Names.refused()...)
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, "missing: "+strings.Join(missing, ", "))
	}
	if len(keys) > 0 {
		parts = append(parts, "cannot store "+strings.Join(keys, ", "))
	}
	return cmp.Or(strings.Join(parts, "; "), "nothing is missing")
}

// Probe tries out the store in a bucket of ours, below a random prefix that it removes again. An error means
// that the store could not be tried, not that something is missing. What keeps a store from being used is tried twice
// before it is said.
//
//	what is tried                              who needs it, and what happens otherwise
//	PUT If-None-Match: * / If-Match            bucket records, conditional writes of clients
//	DELETE If-Match: *                         clients: the proxy reads the object's ETag first
//	DELETE If-Match                            RenameObject, conditional deletes
//	CopyObject If-None-Match: * / If-Match     copies with conditions: their bytes stream through the proxy
//	Complete If-None-Match: * / If-Match       appends, conditional Completes of clients
//	a copy onto itself, at once and failing    changes of metadata and key: likewise
//	ETags of such copies, and of parts         UpdateObjectEncryption: bytes stream through, or it is refused
//	a PUT whose connection ends early          uploads that fail a check at their end
//	2,000 and 1,200 bytes of metadata          the envelope and the client's metadata
//	ten large tags with metadata               uploads with more than fits are refused: some stores fail halfway
//	Expires: 0                                 it is stored in metadata of ours
//	the headers of 304                         the proxy reads the object's
//	pages by a delimiter of "-"                the proxy rolls names up itself
//	nasty names, by every way                  Names: what doesn't come back is refused
//	u and u/p                                  the store's error is translated, and tools say what they don't see
//	Complete of part 10,000 alone              where the end of a multipart object goes
//
// Versions can't be tried without a bucket of their own, which would have to be made and removed at each start: there
// no store is trusted (ListObjectVersions, If-None-Match: * over a delete marker).
func (c *Client) Probe(ctx context.Context, bucket string) (Abilities, error) {
	p := c.newProbe(bucket)
	var a Abilities
	tries := []attempt{
		{"conditional PUT", p.conditionalPut, &a.ConditionalPut, true},
		{"conditional DELETE", p.conditionalDelete, &a.ConditionalDelete, false},
		{"DELETE If-Match: *", p.deleteIfAny, &a.DeleteIfAny, false},
		{"conditional copy", p.conditionalCopy, &a.ConditionalCopy, false},
		{"conditional Complete", p.conditionalComplete, &a.ConditionalComplete, false},
		{"copy onto itself", p.atomicSelfCopy, &a.AtomicSelfCopy, false},
		{"ETags", p.etags(&a.ETagOfBytes), &a.CopyKeepsETag, false},
		{"cut-off body", p.cutOff, &a.CutOffRefused, true},
		{"metadata room", p.metadataRoom(2000), &a.MetadataRoom, false},
		{"some metadata", p.metadataRoom(1200), &a.SomeMetadata, true},
		{"tags", func(ctx context.Context) (all bool, err error) {
			a.TagRoom, err = p.tagRoom(ctx)
			return a.TagRoom == math.MaxInt, err
		}, new(bool), false},
		{"Expires", p.anyExpires, &a.AnyExpires, false},
		{"304", p.notModified, &a.NotModified, false},
		{"delimiters", p.delimiters, &a.Delimiters, false},
		{"key beside child", p.keyBesideChild(&a.ChildListed), &a.KeyBesideChild, false},
		{"part numbers", p.partGaps, &a.PartGaps, false},
		{"names", func(ctx context.Context) (distinct bool, err error) {
			a.Names, err = p.tryNames(ctx)
			return a.Names.Distinct, err
		}, new(bool), true},
	}
	err := inParallel(tries, func(try attempt) error { return try.run(ctx) })
	p.sweep(ctx)
	return a, err
}

// ListsChildren tries whether u/p is listed where u is an object, too, in a bucket of ours; a store that can't hold
// both lists all it holds.
func (c *Client) ListsChildren(ctx context.Context, bucket string) (listed bool, err error) {
	p := c.newProbe(bucket)
	defer p.sweep(ctx)
	beside, err := p.keyBesideChild(&listed)(ctx)
	return listed || !beside, err
}

func (c *Client) newProbe(bucket string) *probe {
	var salt [8]byte
	rand.Read(salt[:])
	return &probe{objects: c.Objects(bucket), prefix: "probe-" + hex.EncodeToString(salt[:])}
}

// An attempt finds out one ability.
type attempt struct {
	name    string
	do      func(context.Context) (bool, error)
	into    *bool
	refuses bool // the store can't be used without it
}

func (t *attempt) run(ctx context.Context) error {
	ok, err := t.do(ctx)
	if err == nil && !ok && t.refuses {
		ok, err = t.do(ctx)
	}
	if err != nil {
		return fmt.Errorf("probe the store (%s): %w", t.name, err)
	}
	*t.into = ok
	return nil
}

type probe struct {
	objects *Objects
	prefix  string

	mu    sync.Mutex
	made  []string
	tries int

	troubled atomic.Bool // the store answered a name with a fault of its own
}

// fresh is a name that nobody has tried yet, which sweep removes.
func (p *probe) fresh(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	name = p.prefix + "/" + strconv.Itoa(p.tries) + "/" + name
	p.made = append(p.made, name)
	return name
}

func (p *probe) put(ctx context.Context, name, body, ifMatch string) (string, error) {
	p.mu.Lock()
	p.made = append(p.made, name)
	p.mu.Unlock()
	return p.objects.Put(ctx, name, []byte(body), ifMatch)
}

func (p *probe) sweep(ctx context.Context) {
	slices.Sort(p.made)
	_ = inParallel(slices.Compact(p.made), func(name string) error {
		return p.objects.Delete(ctx, name) // what stays is empty and harmless
	})
}

// refused turns an outcome into "the condition held": the store said no.
func refused(err error) (bool, error) {
	var f *Fault
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, ErrExists):
		return true, nil
	case errors.As(err, &f) && f.Status < 500 || errors.As(err, &f) && f.Status == 501:
		return false, nil
	}
	return false, err
}

func (p *probe) conditionalPut(ctx context.Context) (bool, error) {
	name := p.fresh("conditional")
	etag, err := p.put(ctx, name, "1", "")
	if err != nil {
		var f *Fault
		if errors.As(err, &f) && f.Status == 501 {
			return false, nil
		}
		return false, err
	}
	if ok, err := refused(second(p.objects.Put(ctx, name, []byte("2"), ""))); !ok || err != nil {
		return false, err
	}
	if ok, err := refused(second(p.objects.Put(ctx, name, []byte("2"), `"0123456789abcdef0123456789abcdef"`))); !ok ||
		err != nil {
		return false, err
	}
	if _, err := p.objects.Put(ctx, name, []byte("3"), etag); err != nil {
		return unlessRefused(err)
	}
	body, _, err := p.objects.Get(ctx, name)
	return string(body) == "3", err
}

// unlessRefused is for a step that must succeed: a client error means that the ability is missing.
func unlessRefused(err error) (bool, error) {
	if held, err := refused(err); err != nil {
		return held, err
	}
	return false, nil
}

func second(_ string, err error) error { return err }

func (p *probe) conditionalDelete(ctx context.Context) (bool, error) {
	name := p.fresh("delete")
	if _, err := p.put(ctx, name, "1", "*"); err != nil {
		return false, err
	}
	r := &Request{Operation: "DeleteObject", Method: "DELETE", Key: name}
	r.Set("If-Match", `"0123456789abcdef0123456789abcdef"`)
	a, err := p.objects.do(ctx, r)
	if a != nil {
		a.Close()
	}
	return refused(err)
}

// deleteIfAny: with If-Match: * what is there is deleted, and what isn't is no success.
func (p *probe) deleteIfAny(ctx context.Context) (bool, error) {
	there, missing := p.fresh("any"), p.fresh("none")
	if _, err := p.put(ctx, there, "1", "*"); err != nil {
		return false, err
	}
	for _, name := range []string{there, missing} {
		r := &Request{Operation: "DeleteObject", Method: "DELETE", Key: name}
		r.Set("If-Match", "*")
		a, err := p.objects.do(ctx, r)
		if err == nil {
			a.Close()
		}
		if held := (err == nil) == (name == there); !held {
			return unlessRefused(err)
		}
	}
	_, _, err := p.objects.Get(ctx, there)
	if err == nil {
		return false, nil
	}
	return errors.Is(err, ErrNotExist), exceptRefusal(err)
}

// exceptRefusal drops errors by which the store answers.
func exceptRefusal(err error) error {
	_, err = refused(err)
	return err
}

const (
	noDate   = "0"
	someDate = "Fri, 01 Sep 2023 01:01:01 GMT"
)

// described puts an object with headers that are stored with it.
func (p *probe) described(ctx context.Context, expires string) (name, etag string, err error) {
	name = p.fresh("described")
	r := &Request{Operation: "PutObject", Method: "PUT", Key: name, Bytes: []byte("1")}
	r.Set("Cache-Control", "max-age=1")
	r.Set("Expires", expires)
	a, err := p.objects.do(ctx, r)
	if err != nil {
		return name, "", err
	}
	defer a.Close()
	return name, string(a.Get("Etag")), nil
}

func (p *probe) anyExpires(ctx context.Context) (bool, error) {
	name, _, err := p.described(ctx, noDate)
	if err != nil {
		return unlessRefused(err)
	}
	a, err := p.objects.do(ctx, &Request{Operation: "HeadObject", Method: "HEAD", Key: name})
	if err != nil {
		return false, err
	}
	defer a.Close()
	return string(a.Get("Expires")) == noDate, nil
}

// notModified: 304 says what 200 would have said.
func (p *probe) notModified(ctx context.Context) (bool, error) {
	name, etag, err := p.described(ctx, someDate)
	if err != nil {
		return unlessRefused(err)
	}
	for _, method := range [...][2]string{{"GetObject", "GET"}, {"HeadObject", "HEAD"}} {
		r := &Request{Operation: method[0], Method: method[1], Bucket: p.objects.bucket, Key: name}
		r.Set("If-None-Match", etag)
		a, err := p.objects.client.Do(ctx, r)
		if err != nil {
			return false, err
		}
		whole := a.Status == http.StatusNotModified && string(a.Get("Etag")) == etag &&
			len(a.Get("Last-Modified")) > 0 &&
			string(a.Get("Cache-Control")) == "max-age=1" && string(a.Get("Expires")) == someDate
		a.Close()
		if !whole {
			return false, nil
		}
	}
	return true, nil
}

// delimiters: pages of one entry, rolled up by a dash.
func (p *probe) delimiters(ctx context.Context) (bool, error) {
	if p.objects.client.directory {
		return true, nil // they have no other than a slash
	}
	first := p.fresh("a-1")
	root := strings.TrimSuffix(first, "a-1")
	for _, name := range []string{"a-1", "a-2", "b-1", "c"} {
		if _, err := p.put(ctx, root+name, "1", "*"); err != nil {
			return false, err
		}
	}
	ask := AskPage(func(ctx context.Context, query string) ([]byte, error) {
		a, err := p.objects.do(ctx, &Request{Operation: "ListObjectsV2", Method: "GET", Query: query})
		if err != nil {
			return nil, err
		}
		defer a.Close()
		return a.Bytes(maxObject)
	})
	var shown []string
	q := &ListQuery{Prefix: root, Delimiter: "-", Max: 1}
	for range 5 {
		page, err := ask(ctx, q)
		if err != nil {
			return unlessRefused(err)
		}
		for _, e := range page.Entries {
			shown = append(shown, strings.TrimPrefix(e.Name, root))
		}
		if !page.More {
			break
		}
		q.Token = page.Token
	}
	return slices.Equal(shown, []string{"a-", "b-", "c"}), nil
}

// cutOff gives up uploads half-way, a small one and one that fills the sockets' buffers, and sees whether they become
// objects. A store may do its work after the connection has ended, so it is checked more than once.
func (p *probe) cutOff(ctx context.Context) (bool, error) {
	for _, size := range []int64{100, 1 << 20} {
		name := p.fresh("cut")
		r := &Request{
			Operation: "PutObject", Method: "PUT", Bucket: p.objects.bucket, Key: name, Length: size,
			Body: cutBody(size),
		}
		a, err := p.objects.client.Do(ctx, r)
		if err == nil {
			a.Close()
		} else if !errors.Is(err, errCut) {
			return false, err
		}
		for range 5 {
			time.Sleep(10 * time.Millisecond)
			if _, _, err = p.objects.Get(ctx, name); !errors.Is(err, ErrNotExist) {
				return false, err
			}
		}
	}
	return true, nil
}

func (p *probe) metadataRoom(size int) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		name := p.fresh("metadata")
		return p.keepsMetadata(ctx, name, "1", strings.Repeat("m", size))
	}
}

// keepsMetadata reports whether an object comes back with the value of its metadata.
func (p *probe) keepsMetadata(ctx context.Context, name, body, value string) (bool, error) {
	r := &Request{Operation: "PutObject", Method: "PUT", Key: name, Bytes: []byte(body)}
	r.Set("x-amz-meta-probe", value)
	a, err := p.objects.do(ctx, r)
	if err != nil {
		return unlessRefused(err)
	}
	a.Close()
	a, err = p.objects.do(ctx, &Request{Operation: "HeadObject", Method: "HEAD", Key: name})
	if errors.Is(err, ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer a.Close()
	return string(a.Get("x-amz-meta-probe")) == value, nil
}

// The most that S3 allows: the tags of an object, in bytes while they are ASCII, and user metadata.
const (
	maxTags      = 10
	maxTagName   = 128
	maxTagValue  = 256
	mostMetadata = 2000
	mostTags     = maxTags * (maxTagName + maxTagValue)
)

// tagRooms are tried in this order. The second is for stores that have 4 KiB for all attributes of a file, their own
// among them.
var tagRooms = [...]int{mostMetadata + mostTags, 3500, 2500}

// tagRoom finds out how much an object holds. A store that keeps both in attributes of a file may answer 500 to more,
// with the object already replaced. What a store refuses as a client's error it may go on refusing by itself.
func (p *probe) tagRoom(ctx context.Context) (int, error) {
	if p.objects.client.directory {
		return math.MaxInt, nil // they have no tags
	}
	for _, room := range tagRooms {
		var tags strings.Builder
		for i, rest := 0, room-mostMetadata; i < maxTags && rest > 0; i++ {
			n := min(rest, maxTagName+maxTagValue)
			name := min(n, maxTagName)
			if i > 0 {
				tags.WriteByte('&')
			}
			tags.WriteString(strconv.Itoa(i) + strings.Repeat("n", name-1) + "=" + strings.Repeat("v", n-name))
			rest -= n
		}
		r := &Request{Operation: "PutObject", Method: "PUT", Key: p.fresh("tags"), Bytes: []byte("1")}
		r.Set("x-amz-meta-probe", strings.Repeat("m", mostMetadata))
		r.Set("x-amz-tagging", tags.String())
		a, err := p.objects.do(ctx, r)
		if err == nil {
			a.Close()
		}
		var f *Fault
		switch {
		case errors.As(err, &f) && (f.Status == http.StatusInternalServerError ||
			f.Status == http.StatusInsufficientStorage):
			continue
		case err != nil:
			if _, err := refused(err); err != nil {
				return 0, err
			}
		}
		if room == mostMetadata+mostTags {
			return math.MaxInt, nil
		}
		return room, nil
	}
	return 0, nil
}

func (p *probe) keyBesideChild(listed *bool) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		u := p.fresh("u")
		if _, err := p.put(ctx, u, "1", "*"); err != nil {
			return false, err
		}
		if _, err := p.put(ctx, u+"/p", "1", "*"); err != nil {
			return unlessRefused(err)
		}
		_, _, err := p.objects.Get(ctx, u)
		if errors.Is(err, ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		shown, err := p.shown(ctx, strings.TrimSuffix(u, "u"), "")
		*listed = shown[u] && shown[u+"/p"]
		return true, err
	}
}

var errCut = errors.New("the probe's body is cut off")

func (p *probe) partGaps(ctx context.Context) (bool, error) {
	name := p.fresh("parts")
	u, err := p.beginUpload(ctx, name, 10_000)
	if err != nil {
		return unlessRefused(err)
	}
	if err := u.complete(ctx, nil); err != nil {
		u.abort(ctx)
		return unlessRefused(err)
	}
	got, _, err := p.objects.Get(ctx, name)
	return err == nil && string(got) == "1", nil
}

// cutBody is the probe's body of this length that breaks off half-way.
type cutBody int64

func (c cutBody) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(make([]byte, c/2))
	if err == nil {
		err = errCut
	}
	return int64(n), err
}
