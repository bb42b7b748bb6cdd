package policy

// Values answers a policy's conditions: it has the value of a condition key, given in lower case,
// such as aws:sourceip or aws:principaltag/team.
type Values interface {
	Value(key string) (value string, ok bool)
}

// MapValues is a Values; keys are in lower case.
type MapValues map[string]string

// Value returns the value of key.
func (m MapValues) Value(key string) (string, bool) {
	v, ok := m[key]
	return v, ok
}

// openValues are the Values of a request, some of which may not be known yet.
type openValues interface {
	Values
	isUnknown(key string) bool
	tagKeys() Tags // the values of aws:TagKeys, the one condition key with several: the keys of these
}

// unknown reports whether the value of a condition key isn't known yet.
func unknown(values Values, key string) bool {
	r, ok := values.(openValues)
	return ok && r.isUnknown(key)
}
