package check

import (
	"context"

	"sealfront/proxy/webidentity"
)

// issuers fetches the keys of those whose tokens roles trust. Requests of other principals are served without them.
func (k *checkup) issuers(ctx context.Context) {
	for i := range k.c.Issuers {
		o := k.c.Issuers[i].Options()
		one, err := webidentity.New([]webidentity.Options{o}, nil, nil)
		if err != nil {
			k.fault("issuers", "%s: %v", o.URL, err)
			continue
		}
		for _, state := range one.Fetch(ctx) {
			if state.Err != nil {
				k.warn("issuers", "tried to fetch the keys of %s: %v; its tokens are refused until they can be fetched", o.URL,
					state.Err)
			}
		}
	}
}
