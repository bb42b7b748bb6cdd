package localkms

type keyInput struct{ KeyId string }

// find looks a key up in the newest state, for an action that its policy allows.
func (c *call) find(action, name string, context map[string]string) (*key, error) {
	if name == "" {
		return nil, validation(
			"1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null")
	}
	st, err := c.store.view(c.o.Now())
	if err != nil {
		return nil, err
	}
	k, failure := st.find(name, &c.o)
	if failure != nil {
		return nil, failure
	}
	if failure := c.permit(k, action, context); failure != nil {
		return nil, failure
	}
	return k, nil
}

// findByID is find for the actions that take no alias.
func (c *call) findByID(action, name string) (*key, error) {
	st, err := c.store.view(c.o.Now())
	if err != nil {
		return nil, err
	}
	k, failure := st.findByID(name, &c.o)
	if failure == nil {
		failure = c.permit(k, action, nil)
	}
	if failure != nil {
		return nil, failure
	}
	return k, nil
}

// changeKey changes a key named by id or ARN, and returns it as it is then.
func (c *call) changeKey(action, name string, change func(k *key) *Error) (*key, error) {
	var changed *key
	_, err := c.store.update(c.o.Now(), func(st *state) *Error {
		k, failure := st.findByID(name, &c.o)
		if failure != nil {
			return failure
		}
		if failure := c.permit(k, action, nil); failure != nil {
			return failure
		}
		changed = k
		return change(k)
	})
	return changed, err
}
