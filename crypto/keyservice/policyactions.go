package keyservice

type keyPolicyInput struct {
	KeyId, PolicyName, Policy      string
	BypassPolicyLockoutSafetyCheck bool
}

func (in *keyPolicyInput) checkName() *Error {
	if in.PolicyName != "" && in.PolicyName != "default" {
		return fail("NotFoundException", "No such policy exists")
	}
	return nil
}

func (c *call) putKeyPolicy(in *keyPolicyInput) (*struct{}, error) {
	if failure := in.checkName(); failure != nil {
		return nil, failure
	}
	if in.Policy == "" {
		return nil, validation("1 validation error detected: Value null at 'policy' failed to satisfy constraint: " +
			"Member must not be null")
	}
	_, err := c.changeKey("PutKeyPolicy", in.KeyId, func(k *key) *Error {
		if !k.Deletion.IsZero() {
			return invalidState(k.ARN, "pending deletion")
		}
		if failure := c.checkPolicy(in.Policy, k, in.BypassPolicyLockoutSafetyCheck); failure != nil {
			return failure
		}
		k.Policy = in.Policy
		return nil
	})
	return &struct{}{}, err
}

type keyPolicyText struct{ Policy, PolicyName string }

func (c *call) getKeyPolicy(in *keyPolicyInput) (*keyPolicyText, error) {
	if failure := in.checkName(); failure != nil {
		return nil, failure
	}
	k, err := c.find("GetKeyPolicy", in.KeyId, nil, 0)
	if err != nil {
		return nil, err
	}
	return &keyPolicyText{Policy: k.policy(), PolicyName: "default"}, nil
}

type keyPolicyNames struct {
	PolicyNames []string
	Truncated   bool
}

func (c *call) listKeyPolicies(in *keyInput) (*keyPolicyNames, error) {
	if _, err := c.find("ListKeyPolicies", in.KeyId, nil, 0); err != nil {
		return nil, err
	}
	return &keyPolicyNames{PolicyNames: []string{"default"}}, nil
}
