package access

import (
	"crypto/tls"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sealfront/sigv4"
)

// conditionValues has the values of the condition keys that are about the caller and where it calls from. They come
// from the one Request, so they are the same for all that the request reads, writes and deletes.
type conditionValues Grant

// Value returns the value of a condition key in lower case.
func (v *conditionValues) Value(key string) (string, bool) {
	x := (*Grant)(v)
	switch key {
	case "aws:sourceip":
		return x.Client().String(), true
	case "aws:currenttime":
		return x.Start.UTC().Format(time.RFC3339), true
	case "aws:epochtime":
		return fmt.Sprint(x.Start.Unix()), true
	case "aws:useragent":
		agent, _ := x.received("user-agent")
		return agent, agent != ""
	case "aws:referer":
		referer, _ := x.received("referer")
		return referer, referer != ""
	case "aws:username", "aws:userid", "aws:principaltype", "aws:tokenissuetime", "aws:federatedprovider":
		return x.Identity.value(key, x.c.o.Account)
	case "aws:requestedregion":
		return x.c.o.Region, true
	case "s3:signatureversion", "s3express:signatureversion":
		return signatureVersion, true
	case "s3:authtype", "s3express:authtype":
		return authTypes[x.Auth.Kind], true
	case "s3:signatureage", "s3express:signatureage": // in milliseconds
		return strconv.FormatInt(max(0, x.Start.Sub(x.Auth.Time).Milliseconds()), 10), true
	case "s3:tlsversion", "s3express:tlsversion": // unknown where TLS ends in front of us
		if state := x.Peer.TLSConnectionState(); state != nil {
			return strings.TrimPrefix(tls.VersionName(state.Version), "TLS "), true
		}
		return "", false
	}
	return "", false
}

// value returns the value of a condition key that is about the identity itself.
func (id *Identity) value(key, account string) (string, bool) {
	assumed := id.Assumed()
	switch key {
	case "aws:userid":
		return id.UserID(), true
	case "aws:principaltype":
		if assumed != nil {
			return "AssumedRole", true
		}
		return "User", true
	case "aws:username":
		if assumed != nil { // a role has none
			return "", false
		}
		return id.Name, true
	case "aws:tokenissuetime":
		if assumed == nil {
			return "", false
		}
		return assumed.Issued.UTC().Format(time.RFC3339), true
	case "aws:federatedprovider":
		if assumed == nil || assumed.Provider == "" {
			return "", false
		}
		_, host, _ := strings.Cut(assumed.Provider, "://")
		return "arn:aws:iam::" + account + ":oidc-provider/" + host, true
	}
	return "", false
}

const signatureVersion = "AWS4-HMAC-SHA256"

var authTypes = map[sigv4.Kind]string{
	sigv4.Header: "REST-HEADER", sigv4.Presigned: "REST-QUERY-STRING", sigv4.Form: "POST",
}
