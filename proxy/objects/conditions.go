package objects

import (
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// WriteFault translates the store's refusal of a write, with the condition that failed.
func (x *Object) WriteFault(f *store.Fault, a *Conditions) error {
	e := StoreError(f, x.Bucket, x.Key)
	switch {
	case f.Code == "InvalidStorageClass":
		return s3.Refuse("InvalidStorageClass", "The storage class you specified is not valid",
			"StorageClassRequested", a.StorageClass).Because(f)
	case e.Code == "PreconditionFailed" && a.NoneMatch != "":
		e.Elements = append(e.Elements, s3.Element{Name: "Condition", Value: "If-None-Match"})
	case e.Code == "PreconditionFailed" && a.Match != "":
		e.Elements = append(e.Elements, s3.Element{Name: "Condition", Value: "If-Match"})
	}
	return e
}

// Conditions is what a client's request has for the object that it writes: conditions, and what the store may refuse it
// for.
type Conditions struct {
	Match        string // If-Match, in the store's form; "" for none
	NoneMatch    string // If-None-Match; "" for none
	StorageClass string // storage class; "" for the default
}

func (a *Conditions) conditional() bool { return a.Match != "" || a.NoneMatch != "" }

// Set puts the conditions to the store.
func (a *Conditions) Set(r *store.Request) {
	if a.Match != "" {
		r.Set("If-Match", a.Match)
	}
	if a.NoneMatch != "" {
		r.Set("If-None-Match", a.NoneMatch)
	}
}
