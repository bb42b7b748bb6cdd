package sigv4_test

import (
	"fmt"
	"sync"
	"testing"

	"sealfront/sigv4"
)

// TestFewSigningKeysForManyUsers makes every key be evicted again and again.
func TestFewSigningKeysForManyUsers(t *testing.T) {
	v := sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-west-2"}, Now: at(now), SigningKeys: 3})
	s := sigv4.NewSigner("us-west-2", "s3")
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			var a sigv4.Authentication
			for i := range 200 {
				user := fmt.Sprintf("user%d", (i*7+worker)%8)
				c := sigv4.Credentials{AccessKeyID: user, SecretAccessKey: "secret of " + user}
				m := request(t, "GET", "/key", "X-Amz-Date: 20261123T070000Z", "X-Amz-Content-Sha256: "+emptyHash)
				set(m, "Authorization", string(s.AppendAuthorization(nil, m, &c, now)))
				if err := v.Read(m, &a, "s3"); err != nil {
					t.Error(err)
				}
				if err := v.Check(m, &a, c.SecretAccessKey); err != nil {
					t.Error(err)
				}
				if err := v.Check(m, &a, "secret of another"); code(err) != "SignatureDoesNotMatch" {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if n := v.CachedKeys(); n != 3 {
		t.Errorf("%d keys are cached", n)
	}
}

func TestTheSigningKeyUsedLeastIsEvicted(t *testing.T) {
	v := sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-west-2"}, Now: at(now), SigningKeys: 2})
	use := func(user string) {
		t.Helper()
		c := sigv4.Credentials{AccessKeyID: user, SecretAccessKey: "secret"}
		m := request(t, "GET", "/key", "X-Amz-Date: 20261123T070000Z", "X-Amz-Content-Sha256: "+emptyHash)
		set(m, "Authorization", string(sigv4.NewSigner("us-west-2", "s3").AppendAuthorization(nil, m, &c, now)))
		if _, err := verify(v, m, "secret", "s3"); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ user, cached string }{
		{"a", "a"}, {"b", "ba"}, {"a", "ab"}, {"c", "ca"}, {"b", "bc"}, {"c", "cb"}, {"c", "cb"}, {"a", "ac"},
	} {
		use(step.user)
		got := ""
		for _, scope := range v.CachedScopes() {
			got += scope[len("20261123/us-west-2/s3/"):]
		}
		if got != step.cached {
			t.Fatalf("after %s: %s, want %s", step.user, got, step.cached)
		}
	}
}

func TestVerifierWithoutRegionsPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	sigv4.NewVerifier(sigv4.Options{})
}
