package policy

import "strings"

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
