package sigv4

import "bytes"

// credential is the value of Credential: akid/date/region/service/aws4_request.
type credential struct {
	accessKeyID, date, region, service []byte
	scope                              []byte // all but the access key id
}

const malformedCredential = `the Credential is mal-formed; ` +
	`expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`

// parseCredential splits from the right, since the access key ids of some stores hold slashes.
func parseCredential(s []byte, g *grammar) (c credential, err error) {
	rest := s
	var parts [4][]byte // date, region, service, terminal
	for i := len(parts) - 1; i >= 0; i-- {
		slash := bytes.LastIndexByte(rest, '/')
		if slash < 0 {
			return credential{}, g.refuse(malformedCredential)
		}
		rest, parts[i] = rest[:slash], rest[slash+1:]
	}
	if len(rest) == 0 {
		return credential{}, g.refuse(malformedCredential)
	}
	for _, b := range s {
		if b <= ' ' { // could be taken for a line of the string to sign
			return credential{}, g.refuse(malformedCredential)
		}
	}
	if !isDate(parts[0]) {
		return credential{}, g.refuse(`incorrect date format "` + text(parts[0]) +
			`". This date in the credential must be in the format "yyyyMMdd".`)
	}
	if string(parts[3]) != terminal {
		return credential{}, g.refuse(`incorrect terminal "` + text(parts[3]) + `". This endpoint uses "aws4_request".`)
	}
	return credential{rest, parts[0], parts[1], parts[2], s[len(rest)+1:]}, nil
}

// checkScope compares what a credential is for with what this endpoint is. The first region and the first service
// are the ones that errors name.
func (v *Verifier) checkScope(a *Authentication, services []string, g *grammar) error {
	if !contains(v.regions, a.Region) {
		words := "the region '" + text(a.Region) + "' is wrong; expecting '" + v.regions[0] + "'"
		if g == headerGrammar {
			return g.refuse(words, Element{"Region", v.regions[0]})
		}
		return g.refuse(words)
	}
	if !contains(services, a.Service) {
		return g.refuse(`incorrect service "` + text(a.Service) + `". This endpoint belongs to "` + services[0] + `".`)
	}
	return nil
}

func contains(list []string, want []byte) bool {
	for _, s := range list {
		if s == string(want) {
			return true
		}
	}
	return false
}

func (a *Authentication) setCredential(c *credential) {
	a.AccessKeyID, a.Date, a.Region, a.Service, a.Scope = c.accessKeyID, c.date, c.region, c.service, c.scope
}
