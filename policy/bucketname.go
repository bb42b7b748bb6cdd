package policy

import (
	"net/netip"
	"strings"
)

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
