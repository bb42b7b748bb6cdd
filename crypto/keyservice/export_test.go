package keyservice

// WaitForNotes waits until the last uses of keys are in the records.
func (s *Service) WaitForNotes() { s.notes.Wait() }

// PolicyAllows parses a key policy and evaluates it.
func PolicyAllows(text, caller, action string, context map[string]string) (allows, understood bool) {
	p, failure := parsePolicy(text)
	if failure != nil {
		return false, false
	}
	v := p.decide(principal{arn: caller}, action, context)
	return v >= delegated && v != denied, true
}
