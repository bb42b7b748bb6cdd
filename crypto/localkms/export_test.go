package localkms

// PolicyAllows parses a key policy and evaluates it.
func PolicyAllows(text, caller, action string, context map[string]string) (allowed, understood bool) {
	p, failure := parsePolicy(text)
	if failure != nil {
		return false, false
	}
	return p.allows(caller, action, context), true
}
