package gateway

import (
	"strings"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// checkKey refuses the name of an object that is to be made when the store can't hold it truly.
func (x *object) checkKey() error {
	if x.key == "" || !x.operation.SealsObject() && x.operation != policy.RenameObject {
		return nil
	}
	names := &x.in.o.Abilities.Names
	fault := names.Check(x.key)
	if fault == nil && !names.FolderKeys && strings.HasSuffix(x.key, "/") {
		fault = &store.NameFault{Why: "it can't keep an object whose key ends in a slash"}
	}
	if fault != nil {
		return s3.Refuse("InvalidURI", "The store behind this service can't hold an object of this name truly: "+fault.Why+".", "URI", x.key)
	}
	return nil
}

// absent reports whether no object can have the key, and the store must not be asked for it: it would take it for another one, or
// for something of its own.
func (x *object) absent() bool {
	fault := x.in.o.Abilities.Names.Check(x.key)
	return fault != nil && fault.Absent
}

// checkAbsent answers what is asked of an object that can't be there. Deletions of it succeed, and uploads have records.
func (x *object) checkAbsent() error {
	if x.operation.OnObject() && x.operation != policy.DeleteObject && x.operation != policy.AbortMultipartUpload && x.operation != policy.ListParts {
		return x.checkSource()
	}
	return nil
}

// checkSource is checkAbsent for an object that another one is made from.
func (x *object) checkSource() error {
	if x.absent() {
		return s3.NoSuchKey(x.key)
	}
	return nil
}
