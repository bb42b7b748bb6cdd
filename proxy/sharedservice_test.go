package main

import (
	"testing"

	"sealfront/proxy/proxytest"
)

func embeddedService(t *testing.T) proxytest.Service {
	t.Helper()
	endpoint, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	return proxytest.Service{Endpoint: endpoint, AccessKey: "storekey", SecretKey: "storesecret"}
}
