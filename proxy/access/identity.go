package access

import (
	"fmt"

	"sealfront/policy"
)

// An Identity is a principal with long-term credentials.
type Identity struct {
	Name            string
	AccessKeyID     string
	SecretAccessKey string
	ARN             string // arn:aws:iam::account:user/name, for policies
	Policy          *policy.Permitter

	// Certificates are names, such as cn:app or uri:spiffe://example.com/app, of which the client certificate of every
	// request must have one; empty: no certificate is required. See certificateNames.
	Certificates []string

	// What the identity may use; 0: no limit. Burst is how many requests may come at once, default a second's.
	Concurrency       int
	RequestsPerSecond float64
	Burst             int

	share *share
}

// Identities are the principals that may call. They don't change; SetIdentities replaces all of them.
type Identities struct{ byAccessKey, byName map[string]*Identity }

// NewIdentities indexes list. Names and access key ids must be unique.
func NewIdentities(list []*Identity) (*Identities, error) {
	ids := &Identities{byAccessKey: make(map[string]*Identity), byName: make(map[string]*Identity)}
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
	return ids, nil
}
