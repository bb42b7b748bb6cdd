package gateway

import (
	"context"

	"sealfront/policy"
	"sealfront/proxy/state"
)

// An object is one object in the store, or with key "" its bucket: whatever reads, opens, copies or deletes it needs no
// more. A request's own object is part of its exchange; at makes those of others, such as the source of a copy.
//
// It has neither the request's headers nor who sent it, so that no permission can be asked for with it: those are asked
// for by the exchange, whose request is the only one there is. Every condition of a policy that is about the caller
// comes from there, and an object adds what is its own, by target.
type object struct {
	in      *Objects
	context context.Context

	bucket, key string
	version     string        // that is asked for, "" for the current one; always "" in directory buckets
	record      *state.Bucket // nil where there is none
	facts       policy.Bucket
	// bucketPolicy is the record's, compiled; nil: the bucket has none.
	bucketPolicy *policy.BucketPolicy

	operation policy.Operation // that is carried out, for the texts of errors and what keys it may have
	method    string           // of the request, likewise
	principal string           // whose bucket keys are used, where they are kept apart by principal
	prepared  *preparedRef     // never nil
}

// target is the object as policies see it, and the KMS key that it is or gets sealed under.
func (x *object) target(keyARN string) *policy.Target {
	t := new(policy.Target)
	x.setTarget(t, keyARN)
	return t
}

// setTarget makes t what target returns.
func (x *object) setTarget(t *policy.Target, keyARN string) {
	*t = policy.Target{
		Kind: x.facts.Kind, BucketARN: x.facts.ARN, Account: x.facts.Account, Key: x.key, Version: x.version,
		KeyARN: keyARN, ManagedKey: x.in.o.ServiceKey, BucketPolicy: x.bucketPolicy,
	}
	if x.record != nil {
		t.Tags = policy.Tags(x.record.Tags)
	}
}

// sameName reports whether two objects have one name in the store, whatever their versions.
func (x *object) sameName(y *object) bool {
	return x.record.StoreName == y.record.StoreName && x.key == y.key
}

// at returns another object of the same store, for the same caller and operation. It lives no longer than x.
func (x *object) at(record *state.Bucket, key string) *object {
	y := &object{
		in: x.in, context: x.context, bucket: record.Name, key: key, record: record, facts: x.in.factsOf(record),
		operation: x.operation, method: x.method, principal: x.principal, prepared: new(preparedRef),
	}
	if record == x.record {
		y.bucketPolicy = x.bucketPolicy
	}
	return y
}
