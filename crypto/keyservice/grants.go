package keyservice

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const maxGrants = 1000 // of one key; KMS has 50,000, a record has less room

var (
	granteeForm = regexp.MustCompile(
		`^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:` +
			`(root|user/[^*?]+|role/[^*?]+|assumed-role/[^*?]+|federated-user/[^*?]+)$`)
	grantNameForm = regexp.MustCompile(`^[a-zA-Z0-9:/_-]{1,256}$`)
)

type createGrantInput struct {
	KeyId, GranteePrincipal, RetiringPrincipal, Name  string
	GranteeServicePrincipal, RetiringServicePrincipal string
	Operations                                        []string
	Constraints                                       *constraints
	DryRun                                            bool
}

type createdGrant struct{ GrantId, GrantToken string }

// check refuses what no grant can be.
func (in *createGrantInput) check() *Error {
	switch {
	case in.GranteeServicePrincipal != "" || in.RetiringServicePrincipal != "":
		return unsupported("This key service knows no service principals.")
	case in.GranteePrincipal == "":
		return validation("1 validation error detected: Value null at 'granteePrincipal' failed to satisfy " +
			"constraint: Member must not be null")
	case !granteeForm.MatchString(in.GranteePrincipal):
		return fail("InvalidArnException", "ARN %s is not a principal", in.GranteePrincipal)
	case in.RetiringPrincipal != "" && !granteeForm.MatchString(in.RetiringPrincipal):
		return fail("InvalidArnException", "ARN %s is not a principal", in.RetiringPrincipal)
	case in.Name != "" && !grantNameForm.MatchString(in.Name):
		return validation("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member "+
			"must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$", in.Name)
	case len(in.Operations) == 0:
		return validation("1 validation error detected: Value null at 'operations' failed to satisfy constraint: " +
			"Member must not be null")
	}
	for _, operation := range in.Operations {
		if _, known := grantOperations[operation]; !known {
			return validation("1 validation error detected: Value '%s' at 'operations' failed to satisfy constraint: "+
				"Member must satisfy enum value set of a symmetric encryption key", operation)
		}
	}
	if c := in.Constraints; c != nil {
		switch {
		case c.SourceArn != "":
			return unsupported("This key service knows no aws:SourceArn of a request.")
		case c.EncryptionContextEquals != nil && c.EncryptionContextSubset != nil:
			return validation("A grant has one encryption context constraint at most.")
		case len(c.EncryptionContextEquals)+len(c.EncryptionContextSubset) == 0:
			in.Constraints = nil
		}
	}
	return nil
}

// createGrant gives a grant, or the one that is there already: a grant with a name is the same request's for ever.
func (c *call) createGrant(in *createGrantInput) (*createdGrant, error) {
	if failure := in.check(); failure != nil {
		return nil, failure
	}
	var id [32]byte
	_, _ = rand.Read(id[:]) // never fails
	made := grant{
		ID: hex.EncodeToString(id[:]), Name: in.Name, Created: c.o.Now().UTC(), Grantee: in.GranteePrincipal,
		Retiring:   in.RetiringPrincipal,
		Operations: in.Operations, Constraints: in.Constraints,
	}
	k, err := c.changeKey("CreateGrant", in.KeyId, func(k *key) *Error {
		if k.Spec != specSymmetric {
			return unsupported("This key service does not use asymmetric keys.")
		}
		switch k.state() {
		case statePendingDeletion:
			return invalidState(k.ARN, "pending deletion")
		case "Disabled":
			return disabled(k.ARN)
		}
		caller := c.callerOf(k)
		made.Issuer = "arn:aws:iam::" + caller.account() + ":root"
		if failure := c.mayHandOn(k, &made); failure != nil {
			return failure
		}
		for i := range k.Grants {
			if g := &k.Grants[i]; made.Name != "" && g.repeats(&made) {
				made = *g
				return nil
			}
		}
		switch {
		case len(k.Grants) >= maxGrants:
			return fail("LimitExceededException", "%s has %d grants.", k.ARN, maxGrants)
		case in.DryRun:
			return errDryRun
		}
		k.Grants = append(slices.Clone(k.Grants), made)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &createdGrant{made.ID, grantToken(k.ARN, made.ID)}, nil
}

// mayHandOn refuses a grant to whoever has CreateGrant by a grant alone that doesn't cover it.
func (c *call) mayHandOn(k *key, made *grant) *Error {
	policy, failure := parsePolicy(k.policy())
	caller := c.callerOf(k)
	if failure != nil || k.Foreign || c.allows(policy.decide(caller, "CreateGrant", nil), "CreateGrant", k, nil) {
		return failure
	}
	for i := range k.Grants {
		if g := &k.Grants[i]; g.permits(caller, "CreateGrant", nil) && g.covers(made) {
			return nil
		}
	}
	return notAuthorized(caller, "CreateGrant", k.ARN)
}

var errDryRun = fail("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")

// A grant's token names it. It is no secret here: grants hold at once, and who may retire one is decided by the grant.
func grantToken(keyARN, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(keyARN + " " + id))
}

func readGrantToken(token string) (keyARN, id string, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), " ")
}

type listGrantsInput struct {
	listInput
	GrantId, GranteePrincipal, GranteeServicePrincipal string
}

type listedGrant struct {
	KeyId, GrantId    string
	Name              string `json:",omitempty"`
	CreationDate      timestamp
	GranteePrincipal  string
	RetiringPrincipal string `json:",omitempty"`
	IssuingAccount    string
	Operations        []string
	Constraints       *constraints `json:",omitempty"`
}

type listedGrants struct {
	Grants     []listedGrant
	Truncated  bool
	NextMarker string `json:",omitempty"`
}

func (c *call) listGrants(in *listGrantsInput) (*listedGrants, error) {
	k, err := c.findByID("ListGrants", in.KeyId)
	if err != nil {
		return nil, err
	}
	return pageOfGrants([]*key{k}, &in.listInput, func(g *grant) bool {
		return in.GranteeServicePrincipal == "" && (in.GrantId == "" || in.GrantId == g.ID) &&
			(in.GranteePrincipal == "" || in.GranteePrincipal == g.Grantee)
	})
}

type listRetirableInput struct {
	listInput
	RetiringPrincipal, RetiringServicePrincipal string
}

// listRetirableGrants lists the grants of all keys that a principal may retire as it is named in them.
func (c *call) listRetirableGrants(in *listRetirableInput) (*listedGrants, error) {
	if !granteeForm.MatchString(in.RetiringPrincipal) {
		return nil, fail("InvalidArnException", "ARN %s is not a principal", in.RetiringPrincipal)
	}
	if failure := c.mayCall("ListRetirableGrants", "*"); failure != nil {
		return nil, failure
	}
	st, err := c.viewAll()
	if err != nil {
		return nil, err
	}
	keys := slices.Collect(maps.Values(st.Keys))
	return pageOfGrants(keys, &in.listInput, func(g *grant) bool { return g.Retiring == in.RetiringPrincipal })
}

// pageOfGrants lists the grants of some keys by their ids.
func pageOfGrants(keys []*key, in *listInput, wanted func(*grant) bool) (*listedGrants, error) {
	byID := make(map[string]listedGrant)
	for _, k := range keys {
		for i := range k.Grants {
			if g := &k.Grants[i]; wanted(g) {
				byID[g.ID] = listedGrant{
					KeyId: k.ARN, GrantId: g.ID, Name: g.Name, CreationDate: stamp(g.Created),
					GranteePrincipal:  g.Grantee,
					RetiringPrincipal: g.Retiring, IssuingAccount: g.Issuer, Operations: g.Operations,
					Constraints: g.Constraints,
				}
			}
		}
	}
	ids, next, err := page(slices.Sorted(maps.Keys(byID)), in, 50, 100)
	if err != nil {
		return nil, err
	}
	out := &listedGrants{Grants: []listedGrant{}, Truncated: next != "", NextMarker: next}
	for _, id := range ids {
		out.Grants = append(out.Grants, byID[id])
	}
	return out, nil
}

type endGrantInput struct {
	KeyId, GrantId, GrantToken string
	DryRun                     bool
}

// retireGrant ends a grant for whoever it names for that: its retiring principal, its grantee with RetireGrant among
// its operations, and whoever the key's policy lets.
func (c *call) retireGrant(in *endGrantInput) (*struct{}, error) {
	keyID, id := in.KeyId, in.GrantId
	switch {
	case in.GrantToken != "" && (keyID != "" || id != ""), in.GrantToken == "" && (keyID == "" || id == ""):
		return nil, validation("Either a grant token, or a key ARN and a grant ID must be specified.")
	case in.GrantToken != "":
		ok := false
		if keyID, id, ok = readGrantToken(in.GrantToken); !ok {
			return nil, fail("InvalidGrantTokenException", "The grant token is not valid.")
		}
	}
	return c.endGrant(keyID, id, in.DryRun, func(k *key, g *grant) *Error {
		if caller := c.callerOf(k); g.Retiring != "" && is(g.Retiring, caller) ||
			is(g.Grantee, caller) && slices.Contains(g.Operations, "RetireGrant") {
			return nil
		}
		return c.permit(k, "RetireGrant", nil)
	})
}

// revokeGrant ends a grant for whoever administers the key.
func (c *call) revokeGrant(in *endGrantInput) (*struct{}, error) {
	return c.endGrant(in.KeyId, in.GrantId, in.DryRun,
		func(k *key, _ *grant) *Error { return c.permit(k, "RevokeGrant", nil) })
}

func (c *call) endGrant(keyID, id string, dry bool, permit func(*key, *grant) *Error) (*struct{}, error) {
	c.about = keyID
	_, err := c.update(func(st *state) *Error {
		k, failure := st.findByID(keyID, &c.o)
		if failure != nil {
			return failure
		}
		i := slices.IndexFunc(k.Grants, func(g grant) bool { return g.ID == id })
		none := &grant{} // whoever may not end a grant doesn't learn whether there is one
		if i >= 0 {
			none = &k.Grants[i]
		}
		if failure := permit(k, none); failure != nil {
			return failure
		}
		switch {
		case i < 0:
			return fail("NotFoundException", "Grant ID %s not found", id)
		case !k.Deletion.IsZero():
			return invalidState(k.ARN, "pending deletion")
		case dry:
			return errDryRun
		}
		k.Grants = slices.Delete(slices.Clone(k.Grants), i, i+1)
		return nil
	}, keyID)
	return &struct{}{}, err
}
