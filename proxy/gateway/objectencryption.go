package gateway

import (
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// updateObjectEncryption carries out UpdateObjectEncryption: an object's data key is sealed anew, under another KMS key
// or with or without a bucket key. No segment is opened, and what clients see of the object stays: ETag, checksums,
// metadata, tags. The store dates what it writes, so Last-Modified is that of the update.
//
//	permission ─▶ document ─▶ permission on the new key ─▶ the key's claim ─▶ metadata and end
//	    ─▶ Object Lock, permission on the old key ─▶ data key, wrapped anew under the new one ─▶ the same sealed bytes, under the new envelope (keepetag.go)
//
// In one conditional step of the store: whoever is killed leaves the old envelope or the new one, and a write that
// comes between wins.
//
// Versions are the store's, which never changes one but the version null: where it keeps others the update makes a new
// one, which is told, and the earlier keeps its key. A version that isn't the current one would become that, so it is
// refused.
//
// Requests to the store: the claim, a look at the object, and what keepetag.go says; a HEAD for Object Lock where there
// are versions.
func updateObjectEncryption(x *exchange) error {
	document, err := x.readDocument(objects.MaxDocument)
	if err != nil {
		return err
	}
	asked, refused := policy.ParseObjectEncryption(document)
	if refused != nil {
		return refused
	}
	decision, refused := policy.DecideObjectEncryption(&x.Facts, asked, x.g.access.Options())
	if refused != nil {
		return refused
	}
	if err := x.grant.Permit(x.Operation, &x.grant.Place, asked.KeyARN); err != nil {
		return err
	}
	x.grant.Decision = decision
	if !x.g.o.Abilities.ConditionalPut { // what is written meanwhile would be lost
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
	from, err := x.currentOrigin()
	if err != nil {
		return err
	}
	kept, lock, err := x.keptWith(from)
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
	done, err := from.Reencrypt(x.context, &x.Object, decision.Encryption, kept, x.maySource(from.Object), x.grant.Start)
	if err != nil {
		return err
	}
	for _, e := range done.Version {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
	return nil
}

// currentOrigin looks at the current version of the object, which must be the one that the request names, if it names
// one.
func (x *exchange) currentOrigin() (*objects.Source, error) {
	version := x.Version
	y := x.at(x.Record, x.Key)
	from, err := y.HeadWithTail(x.context)
	switch {
	case version == "":
		return from, err
	case err == nil && from.VersionID() == version, err == nil && version == "null" && from.VersionID() == "":
		x.Version = "" // the current one, of which the store is asked from here on
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

// keptWith is what general purpose buckets keep with an object beside its metadata, for the object that takes its
// place: storage class, redirect, and of Object Lock what doesn't protect it, such as a legal hold that is off. Where
// the store has versions it is asked by HEAD, which is where stores tell of Object Lock.
func (x *exchange) keptWith(from *objects.Source) (kept []sigv4.Field, lock policy.ObjectLock, err error) {
	told := from.Attributes
	if from.VersionID() != "" {
		now, err := from.Object.Head(x.context)
		if err != nil {
			return nil, lock, err
		}
		if now.ETag != from.ETag || now.Envelope.WrapSalt != from.Envelope.WrapSalt {
			return nil, lock, objects.ErrReplaced
		}
		told = now.Attributes
	}
	for _, f := range told {
		switch value := string(f.Value); string(f.Name) {
		case objects.LockMode:
			lock.Mode = value
		case objects.LockUntil:
			lock.Until = value
		case objects.LockHold:
			lock.Hold = value
			kept = append(kept, f)
		default:
			kept = append(kept, f)
		}
	}
	return kept, lock, nil
}
