package gateway

import (
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// updateObjectEncryption carries out UpdateObjectEncryption: it seals an object's data key again, under another KMS key
// or with or without a bucket key. No segment is opened, and what clients see of the object stays: ETag, checksums,
// metadata, tags. The store dates what it writes, so Last-Modified is that of the update.
//
//	permission ─▶ document ─▶ permission on the new key ─▶ the key's claim ─▶ metadata and end
//	    ─▶ Object Lock, permission on the old key ─▶ data key, wrapped under the new one
//	    ─▶ the same sealed bytes, under the new envelope (sameetag.go)
//
// It takes one conditional step of the store: a crash leaves the old envelope or the new one, and a write in between
// wins.
//
// Versions are the store's, which never changes one but the version null: where it has others the update makes a new
// one, which the answer names, and the earlier one keeps its key. The update of a version that isn't the current one
// would make it current, so it is refused.
//
// Requests to the store: the claim, GET of the object's metadata and end, and those in sameetag.go; a HEAD for Object
// Lock where there are versions.
func updateObjectEncryption(x *exchange) error {
	document, err := x.readDocument(objects.MaxDocument)
	if err != nil {
		return err
	}
	requested, refused := policy.ParseObjectEncryption(document)
	if refused != nil {
		return refused
	}
	decision, refused := policy.DecideObjectEncryption(&x.Facts, requested, x.g.access.Options())
	if refused != nil {
		return refused
	}
	if err := x.grant.Permit(x.Operation, &x.grant.Place, requested.KeyARN); err != nil {
		return err
	}
	x.grant.Decision = decision
	if !x.g.o.Abilities.ConditionalPut { // a concurrent write would be lost
		return policy.NotImplemented(x.Operation)
	}
	version := x.Version
	defer func() { x.Version = version }() // for the audit log
	return x.claimed(func(*state.Claim) error {
		return objects.Retry(func() error {
			x.Version, x.grant.Decision = version, decision
			return x.updateOnce()
		})
	}, x.Key)
}

func (x *exchange) updateOnce() error {
	from, err := x.headCurrent()
	if err != nil {
		return err
	}
	copied, lock, err := x.attributesToCopy(from)
	if err != nil {
		return err
	}
	existing := from.Encryption()
	if existing.SSE == policy.SSEKMS {
		if err := x.permitSource(from.Object, existing.KeyARN); err != nil {
			return err
		}
	}
	decision, changes, refused := policy.DecideUpdate(x.grant.Decision, existing, lock, x.grant.Start)
	if refused != nil {
		return refused
	}
	if x.grant.Decision = decision; !changes {
		return nil
	}
	done, err := from.Reencrypt(x.context, &x.Object, decision.Encryption, copied, x.maySource(from.Object), x.grant.Start)
	if err != nil {
		return err
	}
	for _, e := range done.Version {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
	return nil
}

// headCurrent reads the current version of the object, which must be the one that the request names, if it names one.
func (x *exchange) headCurrent() (*objects.Source, error) {
	version := x.Version
	y := x.at(x.Record, x.Key)
	from, err := y.HeadWithTail(x.context)
	switch {
	case version == "":
		return from, err
	case err == nil && from.VersionID() == version, err == nil && version == "null" && from.VersionID() == "":
		x.Version = "" // from here on requests to the store are about the current one
		return from, nil
	case err != nil && objects.Translate(err).Code != "NoSuchKey":
		return nil, err
	}
	a, _, err := x.HeadIf(x.context, objects.Unconditional)
	if err != nil {
		return nil, err
	}
	a.Close()
	return nil,
		s3.Refuse("NotImplemented",
			"The encryption of a version that isn't the current one can't be changed: the store behind this "+
				"service would make it the current one.", "QueryParameter", "versionId")
}

// attributesToCopy are the attributes of an object in a general purpose bucket that the object replacing it gets:
// storage class, redirect, and of Object Lock what doesn't protect it, such as a legal hold that is off. Where the
// store has versions it sends a HEAD, whose answer has Object Lock's headers.
func (x *exchange) attributesToCopy(from *objects.Source) (copied []sigv4.Field, lock policy.ObjectLock, err error) {
	existing := from.Attributes
	if from.VersionID() != "" {
		now, err := from.Object.Head(x.context)
		if err != nil {
			return nil, lock, err
		}
		if now.ETag != from.ETag || now.Envelope.WrapSalt != from.Envelope.WrapSalt {
			return nil, lock, objects.ErrReplaced
		}
		existing = now.Attributes
	}
	for _, f := range existing {
		switch value := string(f.Value); string(f.Name) {
		case objects.LockMode:
			lock.Mode = value
		case objects.LockUntil:
			lock.Until = value
		case objects.LockHold:
			lock.Hold = value
			copied = append(copied, f)
		default:
			copied = append(copied, f)
		}
	}
	return copied, lock, nil
}
