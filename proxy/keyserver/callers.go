package keyserver

import (
	"sealfront/crypto/keyservice"
	"sealfront/proxy/config"
	"sealfront/proxy/webidentity"
)

// callers are those of a configuration: identities by their access key ids, roles by their names, and the issuers whose
// tokens roles trust. They don't change; a reload replaces all of them.
type callers struct {
	byID    map[string]keyservice.Caller
	byARN   map[string]keyservice.Caller
	roles   map[string]*role
	issuers *webidentity.Issuers
}

// find is the identity with an access key id. A request with a session token is a role's session.
func (c *callers) find(accessKeyID, token string) (keyservice.Caller, bool) {
	caller, ok := c.byID[accessKeyID]
	return caller, ok && token == ""
}

// SetCallers puts identities, roles and issuers of a configuration in force, which was validated. Its error, a
// config.Faults, means that an issuer's files can't be used, and that what was in force still is.
func (s *Site) SetCallers(c *config.KeyService) error {
	next := &callers{
		byID: make(map[string]keyservice.Caller), byARN: make(map[string]keyservice.Caller),
		roles: make(map[string]*role),
	}
	for i := range c.Identities {
		id := &c.Identities[i]
		may, _ := keyservice.CompilePolicy(id.Statements())
		caller := keyservice.Caller{Secret: id.SecretKey, Name: id.Name, May: may}
		next.byID[id.AccessKey], next.byARN["arn:aws:iam::"+c.Account+":user/"+id.Name] = caller, caller
	}
	for i := range c.Roles {
		r, err := newRole(c, &c.Roles[i])
		if err != nil {
			return config.Faults{{Path: "roles", Why: err.Error()}}
		}
		next.roles[r.name] = r
	}
	var earlier *webidentity.Issuers
	if before := s.callers.Load(); before != nil {
		earlier = before.issuers
	}
	list := make([]webidentity.Options, 0, len(c.Issuers))
	for i := range c.Issuers {
		list = append(list, c.Issuers[i].Options())
	}
	var err error
	if next.issuers, err = webidentity.New(list, earlier, nil); err != nil {
		return config.Faults{{Path: "issuers", Why: err.Error()}}
	}
	s.callers.Store(next)
	return nil
}
