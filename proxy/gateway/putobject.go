package gateway

import (
	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// putObject carries out PutObject.
//
//	body ─▶ plainBody (framing, count, checksums) ─▶ slab ─▶ Seal in place ─▶ store
//	                                    all right? ──────────┴─▶ only then the last segment and the trailer
func putObject(x *exchange) error {
	if offset, appends := x.grant.Rules.WriteOffset(); appends {
		return appendObject(x, offset)
	}
	if err := x.conditionsHold(x.g.o.Abilities.ConditionalPut); err != nil {
		return err
	}
	body, err := x.newBody(crypto.MaxObjectPut)
	if err != nil {
		return err
	}
	if err := x.checkObjectLock(); err != nil {
		return err
	}
	return x.putBody(body, func(r *store.Request, envelope []byte) error {
		conditions := x.writeConditions()
		conditions.Set(r)
		x.setTags(r)
		x.setAttributes(r)
		return x.setObjectHeaders(r, envelope)
	})
}

// putBody makes an object of the request's body. describe puts metadata and conditions onto the store's request.
func (x *exchange) putBody(body *plainBody, describe func(r *store.Request, envelope []byte) error) error {
	p := x.scratch.object.NewPut(&x.Object, x.grant.Decision.Encryption, body, x.grant.Start)
	p.Algorithm = body.check.kind.Algorithm
	if announced := body.check.want; announced != nil {
		// The announced value is used before the body is read: if it is wrong, no object is made.
		p.Precomputed = &crypto.Checksum{Type: crypto.FullObject, Algorithm: body.check.kind.Algorithm, Value: announced}
	}
	body.Start()
	a, err := p.Send(x.context, describe)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault("PutObject"); f != nil {
		conditions := x.writeConditions()
		return x.Object.WriteFault(f, &conditions)
	}
	x.showETag(a.Get("Etag"))
	x.showChecksumValue(p.Checksum)
	x.show("x-amz-checksum-type", s3.ChecksumType(p.Checksum.Type))
	x.showEncryption()
	x.showVersion(a)
	if x.Facts.Kind == policy.Directory {
		x.show("x-amz-expiration", "NotImplemented")
	}
	return nil
}

// conditionsHold refuses the client's conditions on what it writes where the store would ignore them.
func (x *exchange) conditionsHold(able bool) error {
	if !able && (x.grant.Value("if-match") != "" || x.grant.Value("if-none-match") != "") {
		return policy.NotImplemented(x.Operation)
	}
	return nil
}

// writeConditions are the request's conditions on the object that it writes.
func (x *exchange) writeConditions() objects.Conditions {
	a := objects.Conditions{NoneMatch: x.grant.Value("if-none-match"), StorageClass: x.grant.Value("x-amz-storage-class")}
	if v := x.grant.Value("if-match"); v != "" {
		a.Match = s3.StoreCondition(v)
	}
	return a
}
