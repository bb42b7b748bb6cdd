package keyservice

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// A grant lets a principal use a key where the key's policy says nothing. A Deny in the policy wins.
type grant struct {
	ID          string       `json:"id"`
	Name        string       `json:"name,omitempty"`
	Created     time.Time    `json:"created"`
	Grantee     string       `json:"grantee"`
	Retiring    string       `json:"retiring,omitempty"`
	Issuer      string       `json:"issuer"` // account root
	Operations  []string     `json:"operations"`
	Constraints *constraints `json:"constraints,omitempty"`
}

// constraints of a grant are about the encryption context of what seals and opens; at most one is set.
type constraints struct {
	EncryptionContextEquals map[string]string `json:",omitempty"`
	EncryptionContextSubset map[string]string `json:",omitempty"`
	SourceArn               string            `json:",omitempty"`
}

// grantOperations are those that a grant on a symmetric encryption key may have. true: they use the encryption context.
var grantOperations = map[string]bool{
	"Decrypt": true, "Encrypt": true, "GenerateDataKey": true, "GenerateDataKeyWithoutPlaintext": true,
	"ReEncryptFrom": true, "ReEncryptTo": true,
	"GenerateDataKeyPair": true, "GenerateDataKeyPairWithoutPlaintext": true, "CreateGrant": false,
	"RetireGrant": false, "DescribeKey": false,
}

// permits reports whether the grant lets a caller take an action with an encryption context.
func (g *grant) permits(caller principal, action string, context map[string]string) bool {
	usesContext, known := grantOperations[action]
	if !known || !is(g.Grantee, caller) || !slices.Contains(g.Operations, action) {
		return false
	}
	return !usesContext || g.Constraints.hold(context)
}

// is reports whether a principal that a grant names is the caller, or the root of its account.
func is(named string, caller principal) bool {
	return caller.is(named) || strings.HasSuffix(named, ":root") && accountOf(named) == caller.account()
}

func (c *constraints) hold(context map[string]string) bool {
	switch {
	case c == nil:
		return true
	case c.EncryptionContextEquals != nil:
		return maps.Equal(c.EncryptionContextEquals, context)
	}
	for name, value := range c.EncryptionContextSubset {
		if context[name] != value {
			return false
		}
	}
	return true
}

// covers reports whether whoever has g may hand on what another grant would permit: no more operations, under the same
// constraints.
func (g *grant) covers(other *grant) bool {
	for _, operation := range other.Operations {
		if !slices.Contains(g.Operations, operation) {
			return false
		}
	}
	return g.Constraints == nil || g.Constraints.same(other.Constraints)
}

func (c *constraints) same(d *constraints) bool {
	if c == nil || d == nil {
		return c == d
	}
	return maps.Equal(c.EncryptionContextEquals, d.EncryptionContextEquals) &&
		maps.Equal(c.EncryptionContextSubset, d.EncryptionContextSubset)
}

// repeats reports whether a request for another grant is a retry of the one for g.
func (g *grant) repeats(other *grant) bool {
	return g.Name == other.Name && g.Grantee == other.Grantee && g.Retiring == other.Retiring &&
		g.Issuer == other.Issuer &&
		slices.Equal(g.Operations, other.Operations) && g.Constraints.same(other.Constraints)
}
