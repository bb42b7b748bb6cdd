package keyserver

import (
	"sealfront/crypto/keyservice"
	"sealfront/proxy/config"
)

// callers are the identities of a configuration by their access key ids. Temporary credentials would be found by their
// session token here; a request with one is refused as long as there are none.
type callers struct {
	byID map[string]keyservice.Caller
}

func (c *callers) find(accessKeyID, token string) (keyservice.Caller, bool) {
	caller, ok := c.byID[accessKeyID]
	return caller, ok && token == ""
}

// SetCallers puts the identities of a configuration in force, which was validated.
func (s *Site) SetCallers(c *config.KeyService) {
	next := &callers{byID: make(map[string]keyservice.Caller)}
	for i := range c.Identities {
		id := &c.Identities[i]
		may, _ := keyservice.CompilePolicy(id.Statements())
		next.byID[id.AccessKey] = keyservice.Caller{Secret: id.SecretKey, Name: id.Name, May: may}
	}
	s.callers.Store(next)
}
