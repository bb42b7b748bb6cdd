package keyservice

// foreign has the actions that KMS lets another account's caller take, if the key's policy does.
var foreign = map[string]bool{
	"DescribeKey": true, "GenerateDataKey": true, "GenerateDataKeyWithoutPlaintext": true, "Encrypt": true,
	"Decrypt": true, reEncryptFrom: true, reEncryptTo: true,
}

// permit evaluates the key's policy, the caller's own, and where those say nothing the key's grants. A Deny of any
// wins. Administration of another account's key, which KMS refuses altogether, is taken as done by that account:
// whoever may call this service stands in for all the accounts it plays.
func (c *call) permit(k *key, action string, context map[string]string) *Error {
	if k.Foreign && !foreign[action] {
		return nil
	}
	caller := c.callerOf(k)
	policy, failure := parsePolicy(k.policy())
	if failure != nil {
		return failure
	}
	if c.effect(action, k.ARN, context) == Denied {
		return notAuthorized(caller, action, k.ARN)
	}
	v := policy.decide(caller, action, context)
	if c.allows(v, action, k, context) {
		return nil
	}
	if v != denied {
		for i := range k.Grants {
			if k.Grants[i].permits(caller, action, context) {
				return nil
			}
		}
	}
	return notAuthorized(caller, action, k.ARN)
}

// effect is what the caller's own policies say.
func (c *call) effect(action, resource string, context map[string]string) Effect {
	if c.caller.May == nil {
		return Allowed
	}
	return c.caller.May(action, resource, context)
}

// allows reports whether a verdict of a key's policy is enough: what it leaves to the account needs the caller's own
// policies.
func (c *call) allows(v verdict, action string, k *key, context map[string]string) bool {
	switch v {
	case allowed:
		return c.effect(action, k.ARN, context) != Denied
	case delegated:
		return c.effect(action, k.ARN, context) == Allowed
	}
	return false
}

// mayCall refuses what is about no key, or not about it alone, unless the caller's own policies allow it.
func (c *call) mayCall(action, resource string) *Error {
	if c.effect(action, resource, nil) == Allowed {
		return nil
	}
	return fail("AccessDeniedException", "User: %s is not authorized to perform: kms:%s on resource: %s because no "+
		"identity-based policy allows the kms:%s action", c.arnOf(c.o.Account), action, resource, action)
}

// arnOf is the caller's ARN as a user of an account.
func (c *call) arnOf(account string) string {
	if c.caller.ARN != "" {
		return c.caller.ARN
	}
	return "arn:aws:iam::" + account + ":user/" + c.caller.Name
}

func notAuthorized(caller principal, action, arn string) *Error {
	return fail("AccessDeniedException", "User: %s is not authorized to perform: kms:%s on resource: %s because no "+
		"resource-based policy allows the kms:%s action", caller.arn, action, arn, action)
}

// callerOf is the caller as the key's policy sees it. Keys of its own stay its own when the service's account changes.
func (c *call) callerOf(k *key) principal {
	account := c.o.Account
	if !k.Foreign {
		account = accountOf(k.ARN)
	}
	return principal{arn: c.arnOf(account), role: c.caller.Role}
}

// policy is the text of the key's policy.
func (k *key) policy() string {
	switch {
	case k.Policy != "":
		return k.Policy
	case k.AWSManaged:
		return managedPolicy(accountOf(k.ARN))
	}
	return defaultPolicy(accountOf(k.ARN))
}

// checkPolicy refuses a policy that this service doesn't understand, and one under which the caller could not change it
// again.
func (c *call) checkPolicy(text string, k *key, bypass bool) *Error {
	policy, failure := parsePolicy(text)
	if failure != nil {
		return failure
	}
	if !bypass && !k.Foreign && !c.allows(policy.decide(c.callerOf(k), "PutKeyPolicy", nil), "PutKeyPolicy", k, nil) {
		return fail("MalformedPolicyDocumentException",
			"The new key policy will not allow you to update the key policy in the future.")
	}
	return nil
}
