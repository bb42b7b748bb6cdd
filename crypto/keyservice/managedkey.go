package keyservice

func (c *call) describeKey(in *keyInput) (*describedKey, error) {
	if in.KeyId == managedAlias || in.KeyId == c.arn(managedAlias) {
		if err := c.makeManagedKey(); err != nil {
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

func (c *call) makeManagedKey() error {
	st, err := c.view(c.o.Freshness, managedAlias)
	if err != nil || st.Aliases[managedAlias] != nil {
		return err
	}
	k, err := c.newKey("Default key that protects my S3 objects when no other key is defined", specSymmetric,
		usageEncrypt, false)
	if err != nil {
		return err
	}
	k.manage()
	defer k.wipe()
	_, err = c.update(func(st *state) *Error {
		if st.Aliases[managedAlias] == nil {
			st.Keys[k.ID] = k
			st.Aliases[managedAlias] = &alias{ARN: c.arn(managedAlias), KeyID: k.ID, Created: k.Created}
		}
		return nil
	}, managedAlias)
	return err
}
