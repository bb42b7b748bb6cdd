package keyserver_test

import (
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/crypto/keyroot/roottest"
	"sealfront/proxy/config"
	"sealfront/proxy/proxytest"
)

// Tokens of two seconds are renewed, and revoked again and again, while the key service has 1,000 requests a second and
// its keys' life is a second, so that the root is called all the time: no request fails, and the root's server sees one
// login at a time, and one for each token that ended.
func TestTokensEndUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("tokens of seconds need a machine that isn't slowed down")
	}
	t.Parallel()
	vault := roottest.StartVault(t)
	vault.Transit(t)
	gate := roottest.NewGate(t, vault.Address, httptest.NewServer)
	role, secret := vault.AppRole(t, `, "token_ttl": "6s", "token_max_ttl": "1h"`)
	c := overStore(t, "http://"+memory(t).Address(), "")
	c.Roots = []config.Root{{Name: "main", Kind: "transit", Transit: config.TransitRoot{
		Address: gate.URL, Key: vault.NewKey(t), AppRole: &config.AppRoleLogin{RoleID: role, SecretID: secret},
		Timeout: 20 * time.Second, // the machine may be loaded
	}}}
	c.Key = config.KeyMaterial{Lifetime: time.Second, RootTimeout: 20 * time.Second}
	r := start(t, c)
	var keys []*string
	for range 20 {
		made, err := r.CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, made.KeyMetadata.KeyId)
	}

	// 50 clients make 20 requests a second each; those of SDKs try again what is to be tried again.
	began, stop := time.Now(), make(chan struct{})
	var well, failed atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				_, err := r.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{
					KeyId: keys[n%len(keys)], NumberOfBytes: aws.Int32(32),
				}, func(o *kms.Options) { o.RetryMaxAttempts = 3 })
				if err == nil {
					well.Add(1)
				} else if failed.Add(1) == 1 {
					t.Errorf("under load: %v", err)
				}
			}
		})
	}
	const revocations = 4
	for i := range revocations {
		// Keys are warm for a second, so the first requests after a login need no token; and one that hasn't served isn't
		// replaced at once.
		before, calls := well.Load(), gate.Count(c.Roots[0].Transit.Key)
		proxytest.Eventually(t, "500 requests, and calls with the new token", func() bool {
			return well.Load() >= before+500 && gate.Count(c.Roots[0].Transit.Key) >= calls+2*len(keys)
		})
		vault.RevokeLogins(t)
		proxytest.Eventually(t, "another login", func() bool { return gate.Count("login") >= i+2 })
	}
	renewals := gate.Count("renew-self")
	proxytest.Eventually(t, "a renewal", func() bool { return gate.Count("renew-self") > renewals })
	close(stop)
	all.Wait()
	took := time.Since(began)
	calls := gate.Count(c.Roots[0].Transit.Key)
	t.Logf("%d requests in %v, %.0f a second, %d failed; %d calls of the root, %d logins, %d renewals, %d look-ups, at "+
		"most "+
		"%d of these at once", well.Load(), took.Round(time.Millisecond), float64(well.Load())/took.Seconds(),
		failed.Load(), calls, gate.Count("login"), gate.Count("renew-self"), gate.Count("lookup-self"), gate.MostLogins())
	if n := gate.Count("login"); n != 1+revocations {
		t.Errorf("%d logins for %d tokens that were revoked", n, revocations)
	}
	if gate.MostLogins() != 1 {
		t.Errorf("%d logins at once", gate.MostLogins())
	}
	if n := gate.Count("lookup-self"); n > 2*revocations+int(took.Seconds()) {
		t.Errorf("%d look-ups in %v", n, took)
	}
}
