package keyservice

import (
	"regexp"
	"strings"
)

type aliasInput struct{ AliasName, TargetKeyId string }

var aliasForm = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`)

func (c *call) createAlias(in *aliasInput) (*struct{}, error) {
	if !aliasForm.MatchString(in.AliasName) || strings.HasPrefix(in.AliasName, "alias/aws/") {
		return nil, fail("InvalidAliasNameException", "%s is not a valid name of an alias", in.AliasName)
	}
	if failure := c.mayCall("CreateAlias", c.arn(in.AliasName)); failure != nil {
		return nil, failure
	}
	_, err := c.update(func(st *state) *Error {
		k, failure := st.findByID(in.TargetKeyId, &c.o)
		switch {
		case failure != nil:
			return failure
		case k.Foreign:
			return fail("NotFoundException", "Key '%s' does not exist", k.ARN)
		case c.takes(k, "CreateAlias") != nil:
			return c.takes(k, "CreateAlias")
		case !k.Deletion.IsZero():
			return invalidState(k.ARN, "pending deletion")
		case st.Aliases[in.AliasName] != nil:
			return fail("AlreadyExistsException", "An alias with the name %s already exists",
				st.Aliases[in.AliasName].ARN)
		}
		st.Aliases[in.AliasName] = &alias{ARN: c.arn(in.AliasName), KeyID: k.ID, Created: c.o.Now().UTC()}
		return nil
	}, in.AliasName, in.TargetKeyId)
	return &struct{}{}, err
}

// updateAlias makes an alias point to another key of the same kind.
func (c *call) updateAlias(in *aliasInput) (*struct{}, error) {
	if !aliasForm.MatchString(in.AliasName) || strings.HasPrefix(in.AliasName, "alias/aws/") {
		return nil, fail("InvalidAliasNameException", "%s is not a valid name of an alias", in.AliasName)
	}
	if failure := c.mayCall("UpdateAlias", c.arn(in.AliasName)); failure != nil {
		return nil, failure
	}
	_, err := c.update(func(st *state) *Error {
		a := st.Aliases[in.AliasName]
		if a == nil {
			return fail("NotFoundException", "Alias %s is not found.", c.arn(in.AliasName))
		}
		k, failure := st.findByID(in.TargetKeyId, &c.o)
		if failure == nil && k.Foreign {
			failure = fail("NotFoundException", "Key '%s' does not exist", k.ARN)
		}
		if failure != nil {
			return failure
		}
		old := st.Keys[a.KeyID]
		c.about = k.ARN
		if failure := firstFailure(c.permit(old, "UpdateAlias", nil), c.permit(k, "UpdateAlias", nil)); failure != nil {
			return failure
		}
		switch {
		case !k.Deletion.IsZero():
			return invalidState(k.ARN, "pending deletion")
		case k.Usage != old.Usage || (k.Spec == specSymmetric) != (old.Spec == specSymmetric):
			return validation("Alias %s can't point to a key of another type or usage than the one it points to.",
				a.ARN)
		}
		a.KeyID, a.Updated = k.ID, c.o.Now().UTC()
		return nil
	}, in.AliasName, in.TargetKeyId)
	return &struct{}{}, err
}

func (c *call) deleteAlias(in *aliasInput) (*struct{}, error) {
	if failure := c.mayCall("DeleteAlias", c.arn(in.AliasName)); failure != nil {
		return nil, failure
	}
	_, err := c.update(func(st *state) *Error {
		a := st.Aliases[in.AliasName]
		if a == nil {
			return fail("NotFoundException", "Alias %s is not found.", c.arn(in.AliasName))
		}
		if failure := c.takes(st.Keys[a.KeyID], "DeleteAlias"); failure != nil {
			return failure
		}
		delete(st.Aliases, in.AliasName)
		return nil
	}, in.AliasName)
	return &struct{}{}, err
}

// takes is permit for an action about a key that is noted as what the call is about.
func (c *call) takes(k *key, action string) *Error {
	c.about = k.ARN
	return c.permit(k, action, nil)
}
