package objects

import (
	"context"
	"slices"
	"strconv"
	"time"

	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// PartAttempts are the accepted attempts at one part of an upload.
type PartAttempts struct {
	all []state.Part
	// Current are those that are the part: one, or several where the store's clock can't distinguish a stashed attempt
	// from another. Any of several may be completed, and the first is shown.
	Current []state.Part
}

// named returns the current attempt that the client means by an ETag. An acknowledged attempt with the bytes of a
// current one, by length and checksum, is that part too: a repeated request has several answers.
func (a *PartAttempts) named(etag string) (*state.Part, bool) {
	is := func(p *state.Part) bool { return s3.Unquote(s3.ClientETag([]byte(p.StoreETag))) == etag }
	for i := range a.Current {
		if is(&a.Current[i]) {
			return &a.Current[i], true
		}
	}
	for i := range a.all {
		if !is(&a.all[i]) || a.all[i].Algorithm == 0 {
			continue
		}
		for j := range a.Current {
			if a.all[i].Length == a.Current[j].Length && a.all[i].Algorithm == a.Current[j].Algorithm &&
				a.all[i].Sum == a.Current[j].Sum {
				return &a.Current[j], true
			}
		}
	}
	return nil, false
}

// Attempts finds the current attempts. For a number with several it reads from the store which one it holds: dates tie,
// and they say when a request ended, not when its part was replaced.
func (x *Object) Attempts(ctx context.Context, u *Upload, all []state.Part) (map[int]*PartAttempts, error) {
	parts := make(map[int]*PartAttempts, len(all))
	for _, p := range all {
		a := parts[p.Number]
		if a == nil {
			a = &PartAttempts{}
			parts[p.Number] = a
		}
		a.all = append(a.all, p)
	}
	var unclear []int
	for number, a := range parts {
		a.Current = a.all
		if len(a.all) > 1 && slices.ContainsFunc(a.all, func(p state.Part) bool { return !p.Stashed }) {
			unclear = append(unclear, number)
		}
	}
	slices.Sort(unclear)
	stored, err := x.storedParts(ctx, u.ID, unclear)
	if err != nil {
		return nil, err
	}
	for _, a := range parts {
		if len(a.all) > 1 {
			a.decide(stored)
		}
	}
	return parts, nil
}

// decide sets Current for a number that has several attempts.
func (a *PartAttempts) decide(stored map[int]storedPart) {
	var current []state.Part
	for i := range a.all {
		p := &a.all[i]
		accepted := p.Accepted
		if !p.Stashed {
			at, there := stored[p.Number]
			if !there || s3.Unquote(at.ETag) != s3.Unquote(p.StoreETag) {
				continue // replaced in the store
			}
			accepted = at.LastModified
		}
		p.Accepted = accepted.Truncate(time.Second) // the resolution that all of a store's dates have
		switch {
		case len(current) == 0 || p.Accepted.After(current[0].Accepted):
			current = []state.Part{*p}
		case p.Accepted.Equal(current[0].Accepted):
			current = append(current, *p)
		}
	}
	if len(current) > 0 {
		a.Current = current
	}
}

// A storedPart is what the store's list says of a part.
type storedPart struct {
	PartNumber   int
	ETag         string
	LastModified time.Time
}

// storedParts reads parts of the store's upload, by ascending number. A part that the store doesn't have is missing
// from the result.
func (x *Object) storedParts(ctx context.Context, id string, numbers []int) (map[int]storedPart, error) {
	stored := make(map[int]storedPart, len(numbers))
	for len(numbers) > 0 {
		count := min(1000, numbers[len(numbers)-1]-numbers[0]+1)
		r := &store.Request{
			Operation: "ListParts", Method: "GET", Bucket: x.Record.StoreName, Key: x.Key,
			Query: store.AppendQuery("max-parts="+strconv.Itoa(count)+"&part-number-marker="+strconv.Itoa(numbers[0]-1),
				"uploadId", id),
		}
		a, err := x.Objects.o.Store.Do(ctx, r)
		if err != nil {
			return nil, err
		}
		f := a.Fault(r.Operation)
		if f != nil {
			a.Close()
			if f.Code == "NoSuchUpload" {
				return stored, nil // the next request for the upload reports it
			}
			return nil, StoreError(f, x.Bucket, x.Key)
		}
		body, err := a.Bytes(MaxDocument)
		a.Close()
		if err != nil {
			return nil, s3.Unavailable(err)
		}
		var page struct {
			IsTruncated bool
			Part        []storedPart
		}
		if err := xmldoc.Unmarshal(body, &page); err != nil {
			return nil, s3.Internal(err)
		}
		last := numbers[len(numbers)-1]
		if page.IsTruncated && len(page.Part) > 0 {
			last = page.Part[len(page.Part)-1].PartNumber
		}
		for _, p := range page.Part {
			stored[p.PartNumber] = p
		}
		before := len(numbers)
		numbers = slices.DeleteFunc(numbers, func(n int) bool { return n <= last })
		if len(numbers) == before {
			break // a page without progress
		}
	}
	return stored, nil
}
