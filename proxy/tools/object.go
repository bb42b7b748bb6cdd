package tools

import (
	"context"

	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// object is the object at a key, for a tool that does what UpdateObjectEncryption does, or only reads.
func (p *place) object(key string) *objects.Object {
	return &objects.Object{
		Objects: p.Objects, Bucket: p.facts.Name, Key: key, Record: p.record, Facts: p.facts,
		Prepared: new(objects.PreparedRef),
	}
}

// operator may open whatever the bucket allows: KMS has the last word.
func operator(string) error { return nil }

// wholeObject is an opened object with the store's answer, whose body has not been read.
type wholeObject struct {
	x *objects.Object
	*objects.Opened
	answer *store.Answer
}

// fetch requests a whole object and opens it; of an object of several parts it reads the trailer. It must be closed.
func (p *place) fetch(ctx context.Context, key string) (*wholeObject, error) {
	x := p.object(key)
	answer, sealed, err := x.Get(ctx)
	if err != nil {
		return nil, inWords(err)
	}
	opened, err := x.Open(ctx, sealed, operator)
	if err != nil {
		answer.Close()
		return nil, inWords(err)
	}
	return &wholeObject{x, opened, answer}, nil
}

// read checks every stored byte.
func (f *wholeObject) read() error {
	return inWords(f.x.ReadWhole(f.Opened, f.answer, nil))
}

func (f *wholeObject) close() {
	f.Secrets.Wipe()
	f.answer.Close()
}

// check reads an object and checks every stored byte of it.
func (p *place) check(ctx context.Context, key string) error {
	return again(func() error {
		f, err := p.fetch(ctx, key)
		if err != nil {
			return err
		}
		defer f.close()
		return f.read()
	})
}
