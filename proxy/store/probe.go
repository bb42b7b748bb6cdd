package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Abilities is what the probe found out about a store. The zero value is the most careful one.
type Abilities struct {
	ConditionalPut      bool // If-None-Match: * and If-Match on PutObject hold
	ConditionalDelete   bool // If-Match on DeleteObject holds
	ConditionalCopy     bool // If-None-Match: * and If-Match on CopyObject's destination hold
	ConditionalComplete bool // If-None-Match: * and If-Match on CompleteMultipartUpload hold
	AtomicSelfCopy      bool // an object copied onto itself with new metadata is never seen, or left, without any
	CutOffRefused       bool // a body that ends early leaves no object
	MetadataRoom        bool // 2,000 bytes of user metadata come back as they were
	SomeMetadata        bool // 1,200 do; another proxy in front of the store may need the rest
	EmptySegments       bool // keys with "//" or a leading "/" are kept as they are
	DotSegments         bool // keys with "." or ".." segments are kept as they are
	FolderKeys          bool // "a/", empty, is an object with metadata like any other
	KeyBesideChild      bool // "u" and "u/p" can both be objects
	PartGaps            bool // an upload may be completed of part 10,000 alone, so numbers may have gaps
}

// String lists what the store lacks.
func (a Abilities) String() string {
	var lacks []string
	for _, x := range []struct {
		has  bool
		name string
	}{
		{a.ConditionalPut, "conditional PUT"},
		{a.ConditionalDelete, "conditional DELETE"},
		{a.ConditionalCopy, "conditional copy"},
		{a.ConditionalComplete, "conditional Complete"},
		{a.AtomicSelfCopy, "atomic copy of an object onto itself"},
		{a.CutOffRefused, "refusal of cut-off bodies"},
		{a.MetadataRoom, "2,000 bytes of user metadata"},
		{a.SomeMetadata, "1,200 bytes of user metadata"},
		{a.EmptySegments, "keys with empty segments"},
		{a.DotSegments, "keys with dot segments"},
		{a.FolderKeys, "keys that end in a slash"},
		{a.KeyBesideChild, "a key beside its children"},
	} {
		if !x.has {
			lacks = append(lacks, x.name)
		}
	}
	if len(lacks) == 0 {
		return "nothing lacks"
	}
	return "lacks " + strings.Join(lacks, ", ")
}

// Probe tries out the store in a bucket of ours, below a random prefix that it removes again. An error means
// that the store could not be tried, not that it lacks something.
//
//	what is tried                              who needs it
//	PUT If-None-Match: * / If-Match            bucket records, conditional writes of clients
//	DELETE If-Match                            RenameObject, conditional deletes
//	CopyObject If-None-Match: * / If-Match     copies with conditions; else their bytes stream through the proxy
//	Complete If-None-Match: * / If-Match       appends, conditional Completes of clients
//	a copy onto itself, at once and failing    changes of metadata and key; else likewise
//	a PUT whose connection ends early          uploads that fail a check at their end
//	2,000 and 1,200 bytes of metadata          the envelope beside the client's metadata
//	a//b, /b, a/./b, a/../b                    such keys are refused on stores that fold them
//	"a/" with metadata                         such keys are refused where they would lose their envelope
//	u and u/p                                  such a store's error is translated for the client
//	Complete of part 10,000 alone              where the end of a multipart object goes
func (c *Client) Probe(ctx context.Context, bucket string) (Abilities, error) {
	var salt [8]byte
	rand.Read(salt[:])
	p := &probe{objects: c.Objects(bucket), prefix: "probe-" + hex.EncodeToString(salt[:])}
	var a Abilities
	for _, try := range []struct {
		name string
		do   func(context.Context) (bool, error)
		into *bool
	}{
		{"conditional PUT", p.conditionalPut, &a.ConditionalPut},
		{"conditional DELETE", p.conditionalDelete, &a.ConditionalDelete},
		{"conditional copy", p.conditionalCopy, &a.ConditionalCopy},
		{"conditional Complete", p.conditionalComplete, &a.ConditionalComplete},
		{"copy onto itself", p.atomicSelfCopy, &a.AtomicSelfCopy},
		{"cut-off body", p.cutOff, &a.CutOffRefused},
		{"metadata room", p.metadataRoom(2000), &a.MetadataRoom},
		{"some metadata", p.metadataRoom(1200), &a.SomeMetadata},
		{"empty segments", p.emptySegments, &a.EmptySegments},
		{"dot segments", p.dotSegments, &a.DotSegments},
		{"folder keys", p.folderKeys, &a.FolderKeys},
		{"key beside child", p.keyBesideChild, &a.KeyBesideChild},
		{"part numbers", p.partGaps, &a.PartGaps},
	} {
		ok, err := try.do(ctx)
		if err != nil {
			p.sweep(ctx)
			return a, fmt.Errorf("probe the store (%s): %w", try.name, err)
		}
		*try.into = ok
	}
	p.sweep(ctx)
	return a, nil
}

type probe struct {
	objects *Objects
	prefix  string
	made    []string
}

func (p *probe) put(ctx context.Context, name, body, ifMatch string) (string, error) {
	p.made = append(p.made, name)
	return p.objects.Put(ctx, name, []byte(body), ifMatch)
}

func (p *probe) sweep(ctx context.Context) {
	for _, name := range p.made {
		_ = p.objects.Delete(ctx, name) // what stays is empty and harmless
	}
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
	name := p.prefix + "/conditional"
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
	if ok, err := refused(second(p.objects.Put(ctx, name, []byte("2"), `"0123456789abcdef0123456789abcdef"`))); !ok || err != nil {
		return false, err
	}
	if _, err := p.objects.Put(ctx, name, []byte("3"), etag); err != nil {
		return refusedToo(err)
	}
	body, _, err := p.objects.Get(ctx, name)
	return string(body) == "3", err
}

// refusedToo is for a step that must succeed: a client error means the ability lacks.
func refusedToo(err error) (bool, error) {
	if held, err := refused(err); err != nil {
		return held, err
	}
	return false, nil
}

func second(_ string, err error) error { return err }

func (p *probe) conditionalDelete(ctx context.Context) (bool, error) {
	name := p.prefix + "/delete"
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

// cutOff gives up uploads half-way, a small one and one that fills the sockets' buffers, and sees whether they become
// objects. A store may do its work after the connection has ended, so it is asked more than once.
func (p *probe) cutOff(ctx context.Context) (bool, error) {
	for _, size := range []int64{100, 1 << 20} {
		name := fmt.Sprintf("%s/cut-%d", p.prefix, size)
		p.made = append(p.made, name)
		r := &Request{Operation: "PutObject", Method: "PUT", Bucket: p.objects.bucket, Key: name, Length: size, Body: cutBody(size)}
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
		name := fmt.Sprintf("%s/metadata-%d", p.prefix, size)
		p.made = append(p.made, name)
		return p.keepsMetadata(ctx, name, "1", strings.Repeat("m", size))
	}
}

// keepsMetadata reports whether an object comes back with the value of its metadata.
func (p *probe) keepsMetadata(ctx context.Context, name, body, value string) (bool, error) {
	r := &Request{Operation: "PutObject", Method: "PUT", Key: name, Bytes: []byte(body)}
	r.Set("x-amz-meta-probe", value)
	a, err := p.objects.do(ctx, r)
	if err != nil {
		return refusedToo(err)
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

func (p *probe) folderKeys(ctx context.Context) (bool, error) {
	name := p.prefix + "/folder/"
	p.made = append(p.made, name)
	return p.keepsMetadata(ctx, name, "", "m")
}

func (p *probe) emptySegments(ctx context.Context) (bool, error) {
	return p.kept(ctx, p.prefix+"/a//b", p.prefix+"/a/b")
}

func (p *probe) dotSegments(ctx context.Context) (bool, error) {
	if ok, err := p.kept(ctx, p.prefix+"/c/./d", p.prefix+"/c/d"); !ok || err != nil {
		return ok, err
	}
	return p.kept(ctx, p.prefix+"/c/../e", p.prefix+"/e")
}

// kept reports whether an object put under a key is found there and not under its folded form.
func (p *probe) kept(ctx context.Context, key, folded string) (bool, error) {
	if _, err := p.put(ctx, key, "1", "*"); err != nil {
		p.made = append(p.made, folded)
		return refusedToo(err)
	}
	_, _, err := p.objects.Get(ctx, folded)
	if errors.Is(err, ErrNotExist) {
		return true, nil
	}
	p.made = append(p.made, folded)
	return false, err
}

func (p *probe) keyBesideChild(ctx context.Context) (bool, error) {
	if _, err := p.put(ctx, p.prefix+"/u", "1", "*"); err != nil {
		return false, err
	}
	if _, err := p.put(ctx, p.prefix+"/u/p", "1", "*"); err != nil {
		return refusedToo(err)
	}
	_, _, err := p.objects.Get(ctx, p.prefix+"/u")
	if errors.Is(err, ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

var errCut = errors.New("the probe's body is cut off")

func (p *probe) partGaps(ctx context.Context) (bool, error) {
	name := p.prefix + "/parts"
	p.made = append(p.made, name)
	u, err := p.beginUpload(ctx, name, 10_000)
	if err != nil {
		return refusedToo(err)
	}
	if err := u.complete(ctx, nil); err != nil {
		u.abort(ctx)
		return refusedToo(err)
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
