package instance

import (
	"cmp"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/config"
)

// allowEverything is the policy of identities that the program makes for itself.
var allowEverything = []policy.Statement{{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}}

// identities are those of the configuration and, with embedded parts, the one whose credentials were made there.
func identities(c *config.Config, d *Data) (*access.Identities, error) {
	list := make([]*access.Identity, 0, len(c.Identities)+1)
	add := func(
		name, accessKey, secretKey string, statements []policy.Statement, own config.IdentityLimits, certificates []string,
	) error {
		compiled, err := policy.Compile(statements)
		if err != nil {
			return err
		}
		list = append(list, &access.Identity{
			Name: name, AccessKeyID: accessKey, SecretAccessKey: secretKey,
			ARN: "arn:aws:iam::" + c.Account + ":user/" + name, Policy: compiled, Certificates: certificates,
			Concurrency:       cmp.Or(own.Concurrency, c.Limits.Concurrency),
			RequestsPerSecond: cmp.Or(own.RequestsPerSecond, c.Limits.RequestsPerSecond),
			Burst:             cmp.Or(own.Burst, c.Limits.Burst),
		})
		return nil
	}
	for i := range c.Identities {
		id := &c.Identities[i]
		if err := add(id.Name, id.AccessKey, id.SecretKey, id.Statements(), id.Limits, id.ClientCertificate); err != nil {
			return nil, err
		}
	}
	if d != nil {
		if err := add("local", d.AccessKey, d.SecretKey, allowEverything, config.IdentityLimits{}, nil); err != nil {
			return nil, err
		}
	}
	return access.NewIdentities(list)
}
