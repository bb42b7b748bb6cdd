package objects

import (
	"context"

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
	Context context.Context

	Bucket, Key string
	Version     string        // that is asked for, "" for the current one; always "" in directory buckets
	Record      *state.Bucket // nil where there is none
	Facts       policy.Bucket
	// bucketPolicy is the record's, compiled; nil: the bucket has none.
	Policy *policy.BucketPolicy

	Operation policy.Operation // that is carried out, for the texts of errors and what keys it may have
	Method    string           // of the request, likewise
	Principal string           // whose bucket keys are used, where they are kept apart by principal
	Prepared  *PreparedRef     // never nil
}

// Target is the object as policies see it, and the KMS key that it is or gets sealed under.
func (x *Object) Target(keyARN string) *policy.Target {
	t := new(policy.Target)
	x.SetTarget(t, keyARN)
	return t
}

// SetTarget makes t what target returns.
func (x *Object) SetTarget(t *policy.Target, keyARN string) {
	*t = policy.Target{
		Kind: x.Facts.Kind, BucketARN: x.Facts.ARN, Account: x.Facts.Account, Key: x.Key, Version: x.Version,
		KeyARN: keyARN, ManagedKey: x.Objects.o.ServiceKey, BucketPolicy: x.Policy,
	}
	if x.Record != nil {
		t.Tags = policy.Tags(x.Record.Tags)
	}
}

// SameName reports whether two objects have one name in the store, whatever their versions.
func (x *Object) SameName(y *Object) bool {
	return x.Record.StoreName == y.Record.StoreName && x.Key == y.Key
}

// At returns another object of the same store, for the same caller and operation. It lives no longer than x.
func (x *Object) At(record *state.Bucket, key string) *Object {
	y := &Object{
		Objects: x.Objects, Context: x.Context, Bucket: record.Name, Key: key, Record: record, Facts: x.Objects.FactsOf(record),
		Operation: x.Operation, Method: x.Method, Principal: x.Principal, Prepared: new(PreparedRef),
	}
	if record == x.Record {
		y.Policy = x.Policy
	}
	return y
}
