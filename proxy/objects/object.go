package objects

import (
	"sealfront/policy"
	"sealfront/proxy/state"
)

// An Object is one object in the store, or with key "" its bucket: whatever reads, opens, copies or deletes it needs no
// more. A request's own object is part of its exchange; at makes those of others, such as the source of a copy.
//
// It has neither the request's headers nor who sent it, so that no permission can be asked for with it: those are asked
// for by the exchange, whose request is the only one there is. Every condition of a policy that is about the caller
// comes from there, and an object adds what is its own, by target.
type Object struct {
	Objects *Objects

	Bucket, Key string
	Version     string        // that is asked for, "" for the current one; always "" in directory buckets
	Record      *state.Bucket // nil where there is none
	Facts       policy.Bucket

	Operation policy.Operation // that is carried out, for the texts of errors and what keys it may have
	Method    string           // of the request, likewise
	Principal string           // whose bucket keys are used, where they are kept apart by principal
	Prepared  *PreparedRef     // never nil
}

// SameName reports whether two objects have one name in the store, whatever their versions.
func (x *Object) SameName(y *Object) bool {
	return x.Record.StoreName == y.Record.StoreName && x.Key == y.Key
}

// At returns another object of the same store, for the same caller and operation; facts are those of its bucket's
// record. It lives no longer than x.
func (x *Object) At(record *state.Bucket, facts policy.Bucket, key string) *Object {
	return &Object{
		Objects: x.Objects, Bucket: record.Name, Key: key, Record: record, Facts: facts,
		Operation: x.Operation, Method: x.Method, Principal: x.Principal, Prepared: new(PreparedRef),
	}
}
