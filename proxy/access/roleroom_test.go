package access_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/sts"
	"sealfront/proxy/webidentity"
)

// A roleRoom is a room with an issuer, whose clock is the machine's.
type roleRoom struct {
	*room
	issuer *proxytest.Issuer
	ended  map[string]uint64
	away   error // of the record of ended sessions
}

func newRoleRoom(t *testing.T, forms ...bool) *roleRoom {
	t.Helper()
	r := &roleRoom{issuer: proxytest.NewIssuer(t), ended: make(map[string]uint64)}
	r.room = newRoom(t, func(o *access.Options) {
		o.Ended = func(_ context.Context, role string, _ bool) (uint64, error) { return r.ended[role], r.away }
		o.FailedLogins = access.FailedLogins{Rate: 1, Burst: 20}
		o.PostObject = len(forms) > 0
	})
	r.now = time.Now().UTC()
	issuers, err := webidentity.New([]webidentity.Options{{
		URL: r.issuer.URL, Algorithms: []string{"ES256"}, Skew: time.Minute, MaxAge: 24 * time.Hour, Keep: time.Hour,
	}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetIssuers(issuers)
	r.set()
	return r
}

// set replaces the roles. The identities stay.
func (r *roleRoom) set(roles ...*access.Role) {
	r.t.Helper()
	var list []*access.Identity
	for name, statements := range testPolicies {
		list = append(list, newIdentity(r.t, name, statements...))
	}
	ids, err := access.NewIdentities(list, roles...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.SetIdentities(ids)
}

// conditions compiles a trust's; keys are claims of the issuer.
func (r *roleRoom) conditions(operator, claim string, values ...string) *policy.Trust {
	r.t.Helper()
	_, host, _ := strings.Cut(r.issuer.URL, "://")
	key := host + ":" + claim
	if strings.HasPrefix(claim, "sts:") {
		key = claim
	}
	compiled, err := policy.CompileTrust(map[string]map[string][]string{operator: {key: values}},
		func(key string) (string, bool) {
			if claim == "sts:ExternalId" {
				return policy.TrustClaim("", key)
			}
			return policy.TrustClaim(r.issuer.URL, key)
		})
	if err != nil {
		r.t.Fatal(err)
	}
	return compiled
}

func newRole(t testing.TB, name string, statements ...policy.Statement) *access.Role {
	t.Helper()
	p, err := policy.Compile(statements)
	if err != nil {
		t.Fatal(err)
	}
	return &access.Role{Name: name, ARN: roleAccount + "role/" + name, Policy: p, MaxSession: time.Hour}
}

// trusting has a role trust the issuer's tokens for "us" under conditions.
func (r *roleRoom) trusting(role *access.Role, conditions *policy.Trust) *access.Role {
	role.Trust = append(role.Trust, access.Trust{Issuer: r.issuer.URL, Audience: []string{"us"}, Conditions: conditions})
	return role
}

// reader is a role that may read, and that the subject "me" may assume.
func (r *roleRoom) reader() *access.Role {
	role := r.trusting(newRole(r.t, "reader", allow("s3:Get*", "*"), allow("kms:*", "*"),
		allow("s3express:CreateSession", "*")), r.conditions("StringEquals", "sub", "me"))
	role.Tags = map[string]string{"Team": "team"}
	return role
}

// call is a request to STS, as it comes.
func (r *roleRoom) call() *access.Grant {
	r.t.Helper()
	return r.read(&request{method: "POST", path: "/", header: []string{"Content-Type: application/x-www-form-urlencoded"}})
}

func (r *roleRoom) assume(token string, change func(a *sts.Assumption)) (*access.Assumed, *sts.Error) {
	r.t.Helper()
	a := &sts.Assumption{RoleARN: roleAccount + "role/reader", SessionName: "web-1", Token: token}
	if change != nil {
		change(a)
	}
	x := r.call()
	defer x.Release()
	return x.AssumeWithToken(r.t.Context(), a)
}

// assumed is a session of the role for the subject "me".
func (r *roleRoom) assumed(change func(a *sts.Assumption)) *access.Assumed {
	r.t.Helper()
	a, err := r.assume(r.issuer.Token("me", "us", map[string]any{"team": "red"}), change)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// as signs a request with temporary credentials.
func as(a *access.Assumed, r request) *request {
	r.who, r.secret = a.Credentials.AccessKeyID, a.Credentials.SecretAccessKey
	r.header = append(r.header, "X-Amz-Security-Token: "+a.Credentials.Token)
	return &r
}
