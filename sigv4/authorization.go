package sigv4

import "bytes"

const threeComponents = "the authorization header requires three components: Credential, SignedHeaders, and Signature."

// authorization is the Authorization header, taken apart.
type authorization struct {
	credential    credential
	signedHeaders []byte
	signature     []byte
}

// parseAuthorization reads what follows the scheme: exactly three attributes in any order, each once, with commas
// between them and optional spaces after the commas.
func parseAuthorization(s []byte) (a authorization, err error) {
	var rawCredential []byte
	var seen [3]bool
	for n := 0; n == 0 || s != nil; n++ {
		var component []byte
		if i := bytes.IndexByte(s, ','); i >= 0 {
			component, s = trim(s[:i]), s[i+1:]
		} else {
			component, s = trim(s), nil
		}
		if n == 3 || len(component) == 0 {
			return authorization{}, headerGrammar.refuse(threeComponents)
		}
		name, value := cut(component, '=')
		if len(name) == len(component) {
			return authorization{}, malformedComponent(component)
		}
		var which int
		switch string(name) {
		case "Credential":
			which, rawCredential = 0, value
			if len(value) == 0 {
				return authorization{}, headerGrammar.refuse("missing Credential.")
			}
		case "SignedHeaders":
			which, a.signedHeaders = 1, value
			if !isHeaderList(value) {
				return authorization{}, malformedComponent(component)
			}
		case "Signature":
			which, a.signature = 2, value
			if len(value) == 0 {
				return authorization{}, malformedComponent(component)
			}
		default:
			return authorization{}, headerGrammar.refuse(threeComponents)
		}
		if seen[which] {
			return authorization{}, headerGrammar.refuse(threeComponents)
		}
		seen[which] = true
	}
	if seen != [3]bool{true, true, true} {
		return authorization{}, headerGrammar.refuse(threeComponents)
	}
	if a.credential, err = parseCredential(rawCredential, headerGrammar); err != nil {
		return authorization{}, err
	}
	return a, nil
}

func malformedComponent(component []byte) error {
	return headerGrammar.refuse(`the authorization component "` + text(component) + `" is malformed.`)
}

// isHeaderList tells whether s can be a SignedHeaders list. Bytes that no header name has could be taken for the
// structure of a canonical request.
func isHeaderList(s []byte) bool {
	for _, b := range s {
		if b <= ' ' || b == ':' || b >= 0x7f {
			return false
		}
	}
	return len(s) > 0
}
