package keyservice

import "time"

type keyInput struct{ KeyId string }

// find looks a key up in a state that is no older than maxAge, for an action that its policy allows.
func (c *call) find(action, name string, context map[string]string, maxAge time.Duration) (*key, error) {
	if name == "" {
		return nil, validation(
			"1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null")
	}
	c.about = name
	st, err := c.view(maxAge, name)
	if err != nil {
		return nil, err
	}
	k, failure := st.find(name, &c.o)
	if failure != nil {
		return nil, failure
	}
	c.about = k.ARN
	if failure := c.permit(k, action, context); failure != nil {
		return nil, failure
	}
	return k, nil
}

// findByID is find in the newest state, for the actions that take no alias.
func (c *call) findByID(action, name string) (*key, error) {
	c.about = name
	st, err := c.view(0, name)
	if err != nil {
		return nil, err
	}
	k, failure := st.findByID(name, &c.o)
	if failure == nil {
		c.about = k.ARN
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
	c.about = name
	_, err := c.update(func(st *state) *Error {
		k, failure := st.findByID(name, &c.o)
		if failure != nil {
			return failure
		}
		if failure := c.permit(k, action, nil); failure != nil {
			return failure
		}
		changed, c.about = k, k.ARN
		return change(k)
	}, name)
	return changed, err
}
