package localkms

// foreign has the actions that KMS lets another account's caller take, if the key's policy does.
var foreign = map[string]bool{
	"DescribeKey": true, "GenerateDataKey": true, "GenerateDataKeyWithoutPlaintext": true, "Encrypt": true,
	"Decrypt": true,
}

// permit evaluates the key's policy, and where that says nothing the key's grants. Administration of another account's
// key, which KMS refuses altogether, is taken as done by that account: whoever may call this service stands in for all
// the accounts it plays.
func (c *call) permit(k *key, action string, context map[string]string) *Error {
	if k.Foreign && !foreign[action] {
		return nil
	}
	caller := c.callerOf(k)
	policy, failure := parsePolicy(k.policy())
	if failure != nil {
		return failure
	}
	switch policy.decide(caller, action, context) {
	case allowed:
		return nil
	case unstated:
		for i := range k.Grants {
			if k.Grants[i].permits(caller, action, context) {
				return nil
			}
		}
	}
	return notAuthorized(caller, action, k.ARN)
}

func notAuthorized(caller, action, arn string) *Error {
	return fail("AccessDeniedException", "User: %s is not authorized to perform: kms:%s on resource: %s because no "+
		"resource-based policy allows the kms:%s action", caller, action, arn, action)
}

// callerOf is the caller as the key's policy sees it. Keys of its own stay its own when the service's account changes.
func (c *call) callerOf(k *key) string {
	account := c.o.Account
	if !k.Foreign {
		account = accountOf(k.ARN)
	}
	return "arn:aws:iam::" + account + ":user/" + c.accessKeyID
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
	if !bypass && !k.Foreign && policy.decide(c.callerOf(k), "PutKeyPolicy", nil) != allowed {
		return fail("MalformedPolicyDocumentException",
			"The new key policy will not allow you to update the key policy in the future.")
	}
	return nil
}
