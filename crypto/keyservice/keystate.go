package keyservice

import "time"

func (c *call) setEnabled(action, name string, enabled bool) (*struct{}, error) {
	_, err := c.changeKey(action, name, func(k *key) *Error {
		switch state := k.state(); state {
		case statePendingDeletion:
			return invalidState(k.ARN, "pending deletion")
		case statePendingImport:
			return invalidState(k.ARN, "pending import")
		}
		k.Enabled = enabled
		return nil
	})
	return &struct{}{}, err
}

func (c *call) enableKey(in *keyInput) (*struct{}, error) {
	return c.setEnabled("EnableKey", in.KeyId, true)
}

func (c *call) disableKey(in *keyInput) (*struct{}, error) {
	return c.setEnabled("DisableKey", in.KeyId, false)
}

type descriptionInput struct{ KeyId, Description string }

func (c *call) updateKeyDescription(in *descriptionInput) (*struct{}, error) {
	if failure := checkDescription(in.Description); failure != nil {
		return nil, failure
	}
	_, err := c.changeKey("UpdateKeyDescription", in.KeyId, func(k *key) *Error {
		if !k.Deletion.IsZero() {
			return invalidState(k.ARN, "pending deletion")
		}
		k.Description = in.Description
		return nil
	})
	return &struct{}{}, err
}

type scheduleInput struct {
	KeyId               string
	PendingWindowInDays *int
}

type scheduleOutput struct {
	KeyId               string
	DeletionDate        timestamp
	KeyState            string
	PendingWindowInDays int
}

func (c *call) scheduleKeyDeletion(in *scheduleInput) (*scheduleOutput, error) {
	days := 30
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < 7 || days > 30 {
		return nil, validation("PendingWindowInDays must be between 7 and 30 (inclusive)")
	}
	k, err := c.changeKey("ScheduleKeyDeletion", in.KeyId, func(k *key) *Error {
		if !k.Deletion.IsZero() {
			return invalidState(k.ARN, "pending deletion")
		}
		k.Deletion = c.o.Now().UTC().AddDate(0, 0, days)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &scheduleOutput{
		KeyId: k.ARN, DeletionDate: stamp(k.Deletion), KeyState: k.state(), PendingWindowInDays: days,
	}, nil
}

func (c *call) cancelKeyDeletion(in *keyInput) (*keyInput, error) {
	k, err := c.changeKey("CancelKeyDeletion", in.KeyId, func(k *key) *Error {
		if k.Deletion.IsZero() {
			return invalidState(k.ARN, "not pending deletion")
		}
		k.Deletion, k.Enabled = time.Time{}, false // KMS leaves the key disabled, or pending import
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &keyInput{KeyId: k.ARN}, nil
}
