package localkms

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
	_, err := c.store.update(c.o.Now(), func(st *state) *Error {
		k, failure := st.findByID(in.TargetKeyId, &c.o)
		switch {
		case failure != nil:
			return failure
		case k.Foreign:
			return fail("NotFoundException", "Key '%s' does not exist", k.ARN)
		case c.permit(k, "CreateAlias", nil) != nil:
			return c.permit(k, "CreateAlias", nil)
		case !k.Deletion.IsZero():
			return invalidState(k.ARN, "pending deletion")
		case st.Aliases[in.AliasName] != nil:
			return fail("AlreadyExistsException", "An alias with the name %s already exists", st.Aliases[in.AliasName].ARN)
		}
		st.Aliases[in.AliasName] = &alias{ARN: c.arn(in.AliasName), KeyID: k.ID, Created: c.o.Now().UTC()}
		return nil
	})
	return &struct{}{}, err
}

func (c *call) deleteAlias(in *aliasInput) (*struct{}, error) {
	_, err := c.store.update(c.o.Now(), func(st *state) *Error {
		a := st.Aliases[in.AliasName]
		if a == nil {
			return fail("NotFoundException", "Alias %s is not found.", c.arn(in.AliasName))
		}
		if failure := c.permit(st.Keys[a.KeyID], "DeleteAlias", nil); failure != nil {
			return failure
		}
		delete(st.Aliases, in.AliasName)
		return nil
	})
	return &struct{}{}, err
}
