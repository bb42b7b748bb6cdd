package policy

import (
	"net/netip"
	"strings"
)

// String returns S3's name of the operation, "" for the zero value.
func (o Operation) String() string {
	if int(o) < len(operationNames) {
		return operationNames[o]
	}
	return ""
}

// Zonal reports whether directory buckets answer the operation at a zonal endpoint, where
// s3express:CreateSession alone decides.
func (o Operation) Zonal() bool { return operations[o].is&zonal != 0 }

// Regional reports whether the operation belongs to the regional endpoint, where every operation has
// a permission of its own. Neither Zonal nor Regional holds for what directory buckets don't have.
func (o Operation) Regional() bool { return operations[o].is&regional != 0 }

// Reads reports whether the operation leaves buckets and objects as they are.
func (o Operation) Reads() bool { return operations[o].is&writes == 0 }

// Writes reports whether the operation changes a bucket or an object.
func (o Operation) Writes() bool { return operations[o].is&writes != 0 }

// AllowedReadOnly reports whether a ReadOnly session may be used for the operation (section 3.2).
func (o Operation) AllowedReadOnly() bool { return operations[o].is&readOnly != 0 }

// LongTermOnly reports whether directory buckets refuse session credentials for the operation.
func (o Operation) LongTermOnly() bool { return operations[o].is&longTerm != 0 }

// TakesEncryption reports whether the operation accepts the server-side encryption request headers.
func (o Operation) TakesEncryption() bool { return operations[o].is&takesSSE != 0 }

// OpensObject reports whether the answer depends on the contents of a sealed object, so that a read
// of an SSE-KMS object needs TLS, SigV4 and the caller's KMS permissions.
func (o Operation) OpensObject() bool { return operations[o].is&opens != 0 }

// SealsObject reports whether the operation writes contents of an object.
func (o Operation) SealsObject() bool { return operations[o].is&seals != 0 }

// RewrapsObject reports whether the operation changes the KMS key that an object is sealed under, and not its contents.
func (o Operation) RewrapsObject() bool { return operations[o].is&rewraps != 0 }

// OnVersion reports whether the operation may name a version of an object that isn't the current one.
func (o Operation) OnVersion() bool { return operations[o].is&versioned != 0 }

// SetsTags reports whether a document in the request's body sets tags of the bucket.
func (o Operation) SetsTags() bool { return operations[o].is&setsTags != 0 }

// OnObject reports whether the operation's path names a key.
func (o Operation) OnObject() bool { return operations[o].at == onObject }

// Supports reports whether buckets of kind k have the operation at all; what they don't have is
// answered 501 NotImplemented by Classify.
func (o Operation) Supports(k Kind) bool {
	is := operations[o].is
	switch k {
	case Service:
		return operations[o].at == onService
	case Directory:
		return is&directory != 0
	default:
		return is&general != 0
	}
}

// Operations calls yield for every operation, in the order of their values, until it returns false.
func Operations(yield func(Operation) bool) {
	for o := Operation(1); o < numOperations; o++ {
		if !yield(o) {
			return
		}
	}
}

// ParseOperation returns the operation with S3's name.
func ParseOperation(name string) (Operation, bool) {
	for o := Operation(1); o < numOperations; o++ {
		if operationNames[o] == name {
			return o, true
		}
	}
	return 0, false
}

// A Control is what a call of S3 Control is about, by its path: /v20180820/tags/ARN. The zero value is a request for S3
// itself.
type Control struct {
	Kind     string // the path's first segment after the version, "tags"; "-" where there is none
	Resource string // what follows it: an ARN
}

// ParseControl takes the decoded path of a call of S3 Control apart, without its first slash; ok is false for any other
// path.
func ParseControl(path string) (c Control, ok bool) {
	rest, ok := strings.CutPrefix(path, controlVersion)
	if !ok || rest != "" && rest[0] != '/' {
		return Control{}, false
	}
	c.Kind, c.Resource, _ = strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	if c.Kind == "" {
		c.Kind = "-"
	}
	return c, true
}

// Bucket returns the name of the bucket that the resource is, "" when it is none. That the ARN is the bucket's very own
// is known from its record.
func (c *Control) Bucket() string {
	name, kind := c.named()
	if KindOf(name) != kind || strings.Contains(name, "/") {
		return ""
	}
	return name
}

// named returns the name in the ARN of a bucket, and the kind of bucket that the ARN is for; Service for any other ARN.
func (c *Control) named() (name string, kind Kind) {
	fields := strings.SplitN(c.Resource, ":", 6)
	if len(fields) < 6 || fields[0] != "arn" {
		return "", Service
	}
	switch fields[2] {
	case "s3":
		if fields[3] == "" && fields[4] == "" {
			return fields[5], General
		}
	case "s3express":
		if name, cut := strings.CutPrefix(fields[5], "bucket/"); cut {
			return name, Directory
		}
	}
	return "", Service
}

// accountHeader names the account that a call of S3 Control is for; SDKs put it in front of the endpoint's name, too.
const accountHeader = "x-amz-account-id"

// Kind is the kind of a bucket. It follows from the bucket's name alone.
type Kind uint8

const (
	Service   Kind = iota // no bucket: the request is for the service itself
	General               // a general purpose bucket
	Directory             // a directory bucket: base--zone--x-s3
)

// String returns "service", "general" or "directory".
func (k Kind) String() string {
	return [...]string{"service", "general", "directory"}[k]
}

const directorySuffix = "--x-s3"

// KindOf returns the kind of a bucket by its name, "" being the service. It doesn't check that the name
// is valid: what ends as a directory bucket does is never taken for a general purpose one.
func KindOf(bucket string) Kind {
	switch {
	case bucket == "":
		return Service
	case strings.HasSuffix(bucket, directorySuffix):
		return Directory
	default:
		return General
	}
}

// BucketName is a valid bucket name, taken apart.
type BucketName struct {
	Base string // the part before the zone; of a general purpose bucket the whole name
	Zone string // the zone id of a directory bucket, otherwise ""
	Kind Kind   // Directory or General
}

// ParseBucketName takes a bucket name apart by the rules of section 1.1, or refuses it with
// InvalidBucketName. The strings of the result share name's memory.
func ParseBucketName(name string) (BucketName, *Refusal) {
	if !validName(name) {
		return BucketName{}, refuse("1.1", codeInvalidBucketName, "The specified bucket is not valid.",
			"BucketName", name)
	}
	if KindOf(name) == General {
		return BucketName{Base: name, Kind: General}, nil
	}
	rest := strings.TrimSuffix(name, directorySuffix)
	i := strings.LastIndex(rest, "--")
	return BucketName{Base: rest[:i], Zone: rest[i+2:], Kind: Directory}, nil
}

// validName holds the rules common to both kinds, then those of the name's own kind.
func validName(name string) bool {
	if len(name) < 3 || len(name) > 63 || !alphanumeric(name[0]) || !alphanumeric(name[len(name)-1]) ||
		name == controlVersion {
		return false
	}
	for _, prefix := range [...]string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	for _, suffix := range [...]string{"-s3alias", "--ol-s3", ".mrap", "--xa-s3", "--table-s3"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	dots := KindOf(name) == General
	for i := range len(name) {
		if c := name[i]; !alphanumeric(c) && c != '-' && (c != '.' || !dots || name[i-1] == '.') {
			return false
		}
	}
	if dots {
		_, err := netip.ParseAddr(name)
		return err != nil
	}
	rest := strings.TrimSuffix(name, directorySuffix)
	i := strings.LastIndex(rest, "--")
	return i > 0 && i+2 < len(rest) && rest[i+2] != '-' && rest[len(rest)-1] != '-'
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// controlVersion begins the path of every call of S3 Control, on the same listener as S3's own requests. No bucket can
// have this name: see validName.
const controlVersion = "v20180820"
