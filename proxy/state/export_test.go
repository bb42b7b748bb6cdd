package state

// Settle waits until what is removed behind callers' backs is gone.
func (s *State) Settle() { s.removals.group.Wait() }
