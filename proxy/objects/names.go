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

// Versions are the store's: it keeps them, names them and lists them, and the proxy passes the names on. Objects of
// directory buckets have none, whatever the store does with its bucket.

// NewRequest is a request to the store about the exchange's object, in the version that is asked for.
func (x *Object) NewRequest(operation, method string) *store.Request {
	r := new(store.Request)
	x.SetRequest(r, operation, method)
	return r
}

// SetRequest makes r a request as about returns one.
func (x *Object) SetRequest(r *store.Request, operation, method string) {
	*r = store.Request{Operation: operation, Method: method, Bucket: x.Record.StoreName, Key: x.Key}
	if x.Version != "" {
		r.Query = store.AppendQuery("", "versionId", x.Version)
	}
}

// versionHeaders tell of versions, in the store's answers and in ours.
var versionHeaders = [...]string{"x-amz-version-id", "x-amz-delete-marker"}

// VersionOf is what an answer of the store tells of versions: the id first, if there is one.
func (x *Object) VersionOf(a *store.Answer) (told []s3.Element) {
	if x.Facts.Kind != policy.General {
		return nil
	}
	for _, name := range versionHeaders {
		if v := a.Get(name); len(v) > 0 {
			told = append(told, s3.Element{Name: name, Value: string(v)})
		} else if name == versionHeaders[0] && x.Version != "" {
			told = append(told, s3.Element{Name: name, Value: x.Version}) // some stores leave out null
		}
	}
	return told
}

// versionNamed is versionOf for an answer whose version alone is known.
func (x *Object) versionNamed(id string) []s3.Element {
	if id == "" || x.Facts.Kind != policy.General {
		return nil
	}
	return []s3.Element{{Name: versionHeaders[0], Value: id}}
}

// WithoutVersions reports whether the store refused the version null because it has none at all: null is then the
// object itself, which the exchange is about from now on.
func (x *Object) WithoutVersions(f *store.Fault) bool {
	if x.Version != "null" || f.Status != 400 || f.Code != "InvalidArgument" && f.Code != "" {
		return false
	}
	x.Version = ""
	return true
}

// VersionFault completes the refusal of a request about an object by what the store tells of versions: that there is
// none of this name, or that it is a delete marker, which can't be read.
func (x *Object) VersionFault(f *store.Fault, a *store.Answer) *s3.Error {
	var e *s3.Error
	switch told := x.VersionOf(a); {
	case x.Version != "" && f.Status == 405:
		e = s3.Refuse("MethodNotAllowed", "The specified method is not allowed against this resource.", "Method", x.Method,
			"ResourceType", "DeleteMarker")
		e.Allow = "DELETE"
		e.Header = told
		if v := a.Get("Last-Modified"); len(v) > 0 {
			e.Header = append(e.Header, s3.Element{Name: "Last-Modified", Value: string(v)})
		}
	case x.Version != "" && f.Status == 404 && f.Code != "NoSuchBucket" && f.Code != "NoSuchKey":
		e = s3.Refuse("NoSuchVersion", "The specified version does not exist.", "Key", x.Key, "VersionId", x.Version)
	case x.Version != "" && f.Status == 400 && (f.Code == "InvalidArgument" || f.Code == ""):
		e = s3.InvalidArgument("versionId", x.Version, "Invalid version id specified")
	default:
		e = StoreError(f, x.Bucket, x.Key)
		if e.Code == "NoSuchKey" {
			e.Header = told
		}
	}
	return e.Because(f)
}
