package keyservice

func (c *call) describeKey(in *keyInput) (*describedKey, error) {
	if in.KeyId == managedAlias || in.KeyId == c.arn(managedAlias) {
		if err := c.makeManagedKey(managedAlias, "Default key that protects my S3 objects when no other key is defined",
			0); err != nil {
			return nil, err
		}
	}
	k, err := c.find("DescribeKey", in.KeyId, nil, 0)
	if err != nil {
		return nil, err
	}
	return &describedKey{k.metadata()}, nil
}

// managedAlias names the key that AWS manages for S3. As in KMS, it is made when it is described for the first time.
const managedAlias = "alias/aws/s3"

// makeManagedKey makes a key that nobody may use with its alias, unless it is there. It rotates every so many days; 0:
// it doesn't.
func (c *call) makeManagedKey(name, description string, rotates int) error {
	st, err := c.view(c.o.Freshness, name)
	if err != nil || st.Aliases[name] != nil {
		return err
	}
	k, err := c.newKey(description, specSymmetric, usageEncrypt, false)
	if err != nil {
		return err
	}
	k.manage(rotates)
	defer k.wipe()
	_, err = c.update(func(st *state) *Error {
		if st.Aliases[name] == nil {
			st.Keys[k.ID] = k
			st.Aliases[name] = &alias{ARN: c.arn(name), KeyID: k.ID, Created: k.Created}
		}
		return nil
	}, name)
	return err
}
