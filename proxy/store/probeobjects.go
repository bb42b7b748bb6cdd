package store

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
