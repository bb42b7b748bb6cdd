package objects

import (
	"strings"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// CheckKey refuses the name of an object that an operation is to make when the store can't hold it truly.
func (g *Objects) CheckKey(op policy.Operation, key string) error {
	if key == "" || !op.SealsObject() && op != policy.RenameObject {
		return nil
	}
	names := &g.o.Abilities.Names
	fault := names.Check(key)
	if fault == nil && !names.FolderKeys && strings.HasSuffix(key, "/") {
		fault = &store.NameFault{Why: "it can't keep an object whose key ends in a slash"}
	}
	if fault != nil {
		return s3.Refuse("InvalidURI",
			"The store behind this service can't hold an object of this name truly: "+fault.Why+".", "URI", key)
	}
	return nil
}

// Absent reports whether no object can have the key, and the store must not be asked for it: it would take it for
// another one, or for something of its own.
func (x *Object) Absent() bool {
	fault := x.Objects.o.Abilities.Names.Check(x.Key)
	return fault != nil && fault.Absent
}

// CheckRequested answers what is asked of an object that can't be there. Deletions of it succeed, and uploads have
// records.
func (x *Object) CheckRequested() error {
	if x.Operation.OnObject() && x.Operation != policy.DeleteObject && x.Operation != policy.AbortMultipartUpload &&
		x.Operation != policy.ListParts {
		return x.CheckPresent()
	}
	return nil
}

// CheckPresent is checkAbsent for an object that another one is made from.
func (x *Object) CheckPresent() error {
	if x.Absent() {
		return s3.NoSuchKey(x.Key)
	}
	return nil
}
