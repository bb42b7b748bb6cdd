package instance

import (
	"cmp"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/config"
	"sealfront/proxy/webidentity"
)

// allowEverything is the policy of identities that the program makes for itself.
var allowEverything = []policy.Statement{{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}}

// identities are those of the configuration and, with embedded parts, the one whose credentials were made there; with
// the roles.
func identities(c *config.Config, d *Data, o *Options) (*access.Identities, error) {
	list := make([]*access.Identity, 0, len(c.Identities)+1)
	add := func(name, accessKey, secretKey string, statements []policy.Statement, own config.IdentityLimits,
		certificates []string,
	) error {
		compiled, err := policy.Compile(statements)
		if err != nil {
			return err
		}
		list = append(list, &access.Identity{
			Name: name, AccessKeyID: accessKey, SecretAccessKey: secretKey,
			ARN: "arn:aws:iam::" + c.Account + ":user/" + name, Policy: compiled, Certificates: certificates,
			Limits: limitsOf(c, own),
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
	roles := make([]*access.Role, 0, len(c.Roles))
	for i := range c.Roles {
		r, err := role(c, &c.Roles[i])
		if err != nil {
			return nil, err
		}
		if o.RoleLife > 0 {
			r.MaxSession = o.RoleLife
		}
		roles = append(roles, r)
	}
	return access.NewIdentities(list, roles...)
}

// role is a role of the configuration.
func role(c *config.Config, r *config.Role) (*access.Role, error) {
	compiled, err := policy.Compile(r.Statements())
	if err != nil {
		return nil, err
	}
	made := &access.Role{
		Name: r.Name, ARN: "arn:aws:iam::" + c.Account + ":role/" + r.Name, Policy: compiled, MaxSession: r.Session(),
		Tags: r.Tags, Certificates: r.ClientCertificate, Limits: limitsOf(c, r.Limits),
	}
	for i := range r.Trust {
		t := &r.Trust[i]
		conditions, err := t.Conditions()
		if err != nil {
			return nil, err
		}
		trust := access.Trust{Issuer: t.Issuer, Audience: t.Audience, Conditions: conditions}
		for _, name := range t.Principal {
			arn, err := c.PrincipalARN(name)
			if err != nil {
				return nil, err
			}
			trust.Principals = append(trust.Principals, arn)
		}
		made.Trust = append(made.Trust, trust)
	}
	return made, nil
}

func limitsOf(c *config.Config, own config.IdentityLimits) access.Limits {
	return access.Limits{
		Concurrency:       cmp.Or(own.Concurrency, c.Limits.Concurrency),
		RequestsPerSecond: cmp.Or(own.RequestsPerSecond, c.Limits.RequestsPerSecond),
		Burst:             cmp.Or(own.Burst, c.Limits.Burst),
	}
}

// issuers are those of the configuration; what stays the same of earlier keeps its keys.
func issuers(c *config.Config, earlier *webidentity.Issuers, o *Options) (*webidentity.Issuers, error) {
	list := make([]webidentity.Options, 0, len(c.Issuers))
	for i := range c.Issuers {
		list = append(list, c.Issuers[i].Options())
	}
	return webidentity.New(list, earlier, o.Now)
}
