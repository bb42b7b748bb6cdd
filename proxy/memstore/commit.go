package memstore

// newObject makes an object and takes over the caller's use of b. It returns errFull when there is no room.
func (x *exchange) newObject(b *body, etag string, header []headerField) (*object, error) {
	n := int64(overhead + 2*len(x.key))
	for _, f := range header {
		n += int64(len(f.name) + len(f.value))
	}
	if !x.store.memory.take(n) {
		return nil, errFull
	}
	t := x.now.UTC()
	return &object{
		body: b, etag: etag, header: header, modified: t, shown: t.Format("Mon, 02 Jan 2006 15:04:05") +
			" GMT", room: n,
	}, nil
}

// commit puts an object into the bucket if the request's conditions hold for what is there; otherwise nothing happens.
// Either way o is the bucket's or gone afterwards.
func (x *exchange) commit(b *bucket, o *object) error {
	b.mu.Lock()
	old, err := x.replace(b, o)
	b.mu.Unlock()
	if err != nil {
		old = o
	}
	x.store.drop(old)
	return err
}

// replace is commit for callers that hold the lock; it returns what was there.
func (x *exchange) replace(b *bucket, o *object) (old *object, err error) {
	if b.gone {
		return nil, refuse("NoSuchBucket")
	}
	if err := x.writeConditions(b.objects.get(x.key)); err != nil {
		return nil, err
	}
	return b.objects.set(x.key, o), nil
}
