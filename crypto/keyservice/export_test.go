package keyservice

// PolicyAllows parses a key policy and evaluates it.
func PolicyAllows(text, caller, action string, context map[string]string) (allows, understood bool) {
	p, failure := parsePolicy(text)
	if failure != nil {
		return false, false
	}
	v := p.decide(principal{arn: caller}, action, context)
	return v >= delegated && v != denied, true
}
