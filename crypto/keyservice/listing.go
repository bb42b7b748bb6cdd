package keyservice

import "encoding/base64"

type listInput struct {
	KeyId  string
	Limit  *int
	Marker string
}

type listedKey struct{ KeyId, KeyArn string }

type listedKeys struct {
	Keys       []listedKey
	Truncated  bool
	NextMarker string `json:",omitempty"`
}

func (c *call) listKeys(in *listInput) (*listedKeys, error) {
	if failure := c.mayCall("ListKeys", "*"); failure != nil {
		return nil, failure
	}
	st, err := c.viewAll()
	if err != nil {
		return nil, err
	}
	ids, next, err := page(st.sortedKeys(), in, 100, 1000)
	if err != nil {
		return nil, err
	}
	out := &listedKeys{Keys: []listedKey{}, Truncated: next != "", NextMarker: next}
	for _, id := range ids {
		out.Keys = append(out.Keys, listedKey{id, st.Keys[id].ARN})
	}
	return out, nil
}

type listedAlias struct {
	AliasName, AliasArn, TargetKeyId string
	CreationDate, LastUpdatedDate    timestamp
}

type listedAliases struct {
	Aliases    []listedAlias
	Truncated  bool
	NextMarker string `json:",omitempty"`
}

func (c *call) listAliases(in *listInput) (*listedAliases, error) {
	if failure := c.mayCall("ListAliases", "*"); failure != nil {
		return nil, failure
	}
	st, err := c.viewAll()
	if err != nil {
		return nil, err
	}
	keyID := ""
	if in.KeyId != "" {
		k, failure := st.findByID(in.KeyId, &c.o)
		if failure != nil {
			return nil, failure
		}
		keyID = k.ID
	}
	names, next, err := page(st.sortedAliases(keyID), in, 50, 100)
	if err != nil {
		return nil, err
	}
	out := &listedAliases{Aliases: []listedAlias{}, Truncated: next != "", NextMarker: next}
	for _, name := range names {
		a := st.Aliases[name]
		updated := a.Updated
		if updated.IsZero() {
			updated = a.Created
		}
		out.Aliases = append(out.Aliases, listedAlias{name, a.ARN, a.KeyID, stamp(a.Created), stamp(updated)})
	}
	return out, nil
}

// page cuts a sorted list. A marker is the last name of the page before, so that a listing goes on where it was even
// when keys have come or gone.
func page(names []string, in *listInput, usual, most int) (cut []string, next string, err error) {
	limit := usual
	if in.Limit != nil {
		limit = *in.Limit
	}
	if limit < 1 || limit > most {
		return nil, "", validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: "+
			"Member must be between 1 and %d", limit, most)
	}
	after, err := base64.URLEncoding.DecodeString(in.Marker)
	if err != nil {
		return nil, "", fail("InvalidMarkerException", "Could not deserialize marker '%s'", in.Marker)
	}
	for len(names) > 0 && in.Marker != "" && names[0] <= string(after) {
		names = names[1:]
	}
	if len(names) <= limit {
		return names, "", nil
	}
	return names[:limit], base64.URLEncoding.EncodeToString([]byte(names[limit-1])), nil
}
