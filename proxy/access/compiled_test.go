package access_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// fixedKMS has one key, which wraps nothing.
type fixedKMS struct{}

func (fixedKMS) GenerateDataKey(context.Context, string, map[string]string) (plaintext, blob []byte, err error) {
	return bytes.Repeat([]byte{1}, 32), []byte("blob"), nil
}

func (fixedKMS) Decrypt(context.Context, string, []byte, map[string]string) ([]byte, error) {
	return bytes.Repeat([]byte{1}, 32), nil
}

// openState opens records in a store in memory.
func openState(t *testing.T) *state.State {
	t.Helper()
	credentials := sigv4.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}
	m, err := memstore.Start(memstore.Options{
		AccessKey: credentials.AccessKeyID, SecretKey: credentials.SecretAccessKey, Region: "us-east-1", MaxBytes: 1 << 28,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	client, err := store.New(store.Options{
		Endpoint: "http://" + m.Address(), Region: "us-east-1",
		Credentials: func(context.Context) (sigv4.Credentials, error) { return credentials, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.CreateBucket(t.Context(), "state", false); err != nil {
		t.Fatal(err)
	}
	s, err := state.Open(t.Context(), client.Objects("state"), fixedKMS{}, state.Options{ServiceKey: "key", Alone: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPoliciesStayCompiled goes through buckets in turn: each policy is compiled when its record is first read, and not
// again, however many buckets there are.
func TestPoliciesStayCompiled(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1000, 2000} {
		g, s := newRoom(t, nil), openState(t)
		compiled := make([]*policy.BucketPolicy, n)
		for round := range 2 {
			for i := range n {
				name := fmt.Sprint("bucket-", i)
				if round == 0 {
					if _, err := s.CreateBucket(t.Context(), state.Bucket{
						Name: name, StoreName: name, ARN: "arn:aws:s3:::" + name, Account: testAccount,
						Policy: denial("s3:GetObject", "arn:aws:s3:::"+name+"/*"),
					}, func(context.Context) error { return nil }); err != nil {
						t.Fatal(err)
					}
				}
				b, err := s.Bucket(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				p, err := g.PlaceOf(b, "key", "")
				if err != nil || p.BucketPolicy == nil {
					t.Fatal(err)
				}
				if round == 1 && compiled[i] != p.BucketPolicy {
					t.Fatalf("the policy of bucket %d of %d was compiled again", i, n)
				}
				compiled[i] = p.BucketPolicy
			}
		}
	}
}
