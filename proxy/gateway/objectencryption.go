package gateway

import (
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// updateObjectEncryption carries out UpdateObjectEncryption: an object's data key is sealed anew, under another KMS key or with
// or without a bucket key. No segment is opened, and what clients see of the object stays: ETag, checksums, metadata, tags. The
// store dates what it writes, so Last-Modified is that of the update.
//
//	permission ─▶ document ─▶ permission on the new key ─▶ the key's claim ─▶ metadata and end ─▶ Object Lock, permission on the old key
//	    ─▶ data key, wrapped anew under the new one ─▶ the same sealed bytes, under the new envelope (keepetag.go)
//
// In one conditional step of the store: whoever is killed leaves the old envelope or the new one, and a write that comes between wins.
//
// Versions are the store's, which never changes one but the version null: where it keeps others the update makes a new one, which is
// told, and the earlier keeps its key. A version that isn't the current one would become that, so it is refused.
//
// Requests to the store: the claim, a look at the object, and what keepetag.go says; a HEAD for Object Lock where there are versions.
func updateObjectEncryption(x *exchange) error {
	document, err := x.readDocument(maxDocument)
	if err != nil {
		return err
	}
	asked, refused := policy.ParseObjectEncryption(document)
	if refused != nil {
		return refused
	}
	decision, refused := policy.DecideObjectEncryption(&x.facts, asked, x.g.policyOptions())
	if refused != nil {
		return refused
	}
	if refused := policy.Authorize(x.operation, &x.request, x.caller(), x.target(asked.KeyARN), policy.ReadWrite); refused != nil {
		return refused
	}
	x.decision = decision
	if !x.g.o.Abilities.ConditionalPut { // what is written meanwhile would be lost
		return policy.NotImplemented(x.operation)
	}
	version := x.version
	defer func() { x.version = version }() // for the audit log
	return x.claimed(func(*state.Claim) error {
		return again(func() error {
			x.version, x.decision = version, decision
			return x.updateOnce()
		})
	}, x.key)
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
	existing := from.encryption()
	if existing.SSE == policy.SSEKMS {
		if err := x.permitSource(from.x, existing.KeyARN); err != nil {
			return err
		}
	}
	decision, changes, refused := policy.DecideUpdate(x.decision, existing, lock, x.start)
	if refused != nil {
		return refused
	}
	if x.decision = decision; !changes {
		return nil
	}
	done, err := from.reencrypt(&x.object, decision.Encryption, kept, x.maySource(from.x), x.start)
	if err != nil {
		return err
	}
	for _, e := range done.version {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
	return nil
}

// currentOrigin looks at the current version of the object, which must be the one that the request names, if it names one.
func (x *exchange) currentOrigin() (*origin, error) {
	version := x.version
	y := x.at(x.record, x.key)
	from, err := y.origin()
	switch {
	case version == "":
		return from, err
	case err == nil && from.versionID() == version, err == nil && version == "null" && from.versionID() == "":
		x.version = "" // the current one, of which the store is asked from here on
		return from, nil
	case err != nil && answerTo(err).Code != "NoSuchKey":
		return nil, err
	}
	a, _, err := x.lookAt(unconditional)
	if err != nil {
		return nil, err
	}
	a.Close()
	return nil, s3.Refuse("NotImplemented", "The encryption of a version that isn't the current one can't be changed: the store behind this "+
		"service would make it the current one.", "QueryParameter", "versionId")
}

// versionID is the store's name for the version that was looked at, "" without versions.
func (o *origin) versionID() string {
	if len(o.version) == 0 {
		return ""
	}
	return o.version[0].Value
}

// keptWith is what general purpose buckets keep with an object beside its metadata, for the object that takes its place: storage class,
// redirect, and of Object Lock what doesn't protect it, such as a legal hold that is off. Where the store has versions it is asked by
// HEAD, which is where stores tell of Object Lock.
func (x *exchange) keptWith(from *origin) (kept []sigv4.Field, lock policy.ObjectLock, err error) {
	told := from.attributes
	if from.versionID() != "" {
		now, err := from.x.glance()
		if err != nil {
			return nil, lock, err
		}
		if now.etag != from.etag || now.envelope.WrapSalt != from.envelope.WrapSalt {
			return nil, lock, errReplaced
		}
		told = now.attributes
	}
	for _, f := range told {
		switch value := string(f.Value); string(f.Name) {
		case lockMode:
			lock.Mode = value
		case lockUntil:
			lock.Until = value
		case lockHold:
			lock.Hold = value
			kept = append(kept, f)
		default:
			kept = append(kept, f)
		}
	}
	return kept, lock, nil
}
