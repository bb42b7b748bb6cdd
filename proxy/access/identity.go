package access

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"

	"sealfront/policy"
	"sealfront/proxy/session"
)

// An Identity is a principal: one with long-term credentials, or a role's session, which lives only as long as its
// token is remembered.
type Identity struct {
	Name            string // for logs and records; of a role's session assumed-role/ROLE/SESSION
	AccessKeyID     string // "" of a role's session
	SecretAccessKey string
	// arn:aws:iam::account:user/name or arn:aws:sts::account:assumed-role/role/session, for policies
	ARN    string
	Policy *policy.Permitter

	// Certificates are names, such as cn:app or uri:spiffe://example.com/app, of which the client certificate of every
	// request must have one; empty: no certificate is required. See certificateNames.
	Certificates []string

	Limits

	share *share
	of    *assumedRole // nil of one with long-term credentials
}

// Limits are what a principal may use; 0: no limit. All sessions of a role share the role's. Burst is how many requests
// may come at once, default a second's.
type Limits struct {
	Concurrency       int
	RequestsPerSecond float64
	Burst             int
}

// assumedRole is what an identity has that is a role's session.
type assumedRole struct {
	role    *Role
	session *session.Temporary
	within  *policy.Permitter // the session's own policy; nil: it has none
	tags    policy.Tags
}

// Assumed is the role's session that the identity is; nil for one with long-term credentials.
func (id *Identity) Assumed() *session.Temporary {
	if id.of == nil {
		return nil
	}
	return id.of.session
}

// Unit is the principal that bucket keys may be of, where each has its own: the identity, or the role, whose sessions
// have names that nobody counts.
func (id *Identity) Unit() string {
	if id.of == nil {
		return id.Name
	}
	return "role/" + id.of.role.Name
}

// UserID is the unique id of the principal, as policies and GetCallerIdentity have it.
func (id *Identity) UserID() string {
	if id.of == nil {
		return uniqueID("AIDA", id.ARN)
	}
	return id.of.role.id() + ":" + id.of.session.Name
}

// uniqueID is an id as IAM has them. It is a function of the ARN, so that all replicas have one.
func uniqueID(prefix, arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return prefix + base32.StdEncoding.EncodeToString(sum[:11])[:17]
}

// Identities are the principals that may call, and the roles that may be assumed. They don't change; SetIdentities
// replaces all of them.
type Identities struct {
	byAccessKey, byName map[string]*Identity
	roles               map[string]*Role
}

// NewIdentities indexes identities and roles. Names and access key ids must be unique.
func NewIdentities(list []*Identity, roles ...*Role) (*Identities, error) {
	ids := &Identities{
		byAccessKey: make(map[string]*Identity), byName: make(map[string]*Identity), roles: make(map[string]*Role),
	}
	for i, id := range list {
		if id.AccessKeyID == "" || id.SecretAccessKey == "" || id.Name == "" {
			return nil, fmt.Errorf("identities[%d]: name, access key and secret key must be set", i)
		}
		if ids.byAccessKey[id.AccessKeyID] != nil {
			return nil, fmt.Errorf("identities[%d]: the access key %s is used twice", i, id.AccessKeyID)
		}
		if ids.byName[id.Name] != nil {
			return nil, fmt.Errorf("identities[%d]: the name %q is used twice", i, id.Name)
		}
		id.share = new(share)
		ids.byAccessKey[id.AccessKeyID], ids.byName[id.Name] = id, id
	}
	for i, r := range roles {
		if r.Name == "" || r.Policy == nil {
			return nil, fmt.Errorf("roles[%d]: name and policy must be set", i)
		}
		if ids.roles[r.Name] != nil {
			return nil, fmt.Errorf("roles[%d]: the name %q is used twice", i, r.Name)
		}
		r.share = new(share)
		ids.roles[r.Name] = r
	}
	return ids, nil
}
