package proxytest

import "testing"

// SharedService is the store that the programs of a package's tests share, by its endpoint.
func SharedService(t *testing.T) Service {
	t.Helper()
	endpoint, err := SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	return Service{Endpoint: endpoint, AccessKey: "storekey", SecretKey: "storesecret"}
}
