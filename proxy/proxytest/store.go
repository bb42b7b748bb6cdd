package proxytest

import (
	"os"
	"sync"

	"sealfront/proxy/localstore"
	"sealfront/proxy/memstore"
)

// The credentials of the shared store.
const (
	StoreAccessKey = "storekey"
	StoreSecretKey = "storesecret"
)

// SharedStore is where a store for all tests of the package listens. It is the embedded one in a process of its own,
// since versitygw allows one a process, and changes that process's working directory; without a TestMain that calls
// Main it is a store in memory.
var SharedStore = sync.OnceValues(func() (endpoint string, err error) {
	if !processes {
		s, err := memstore.Start(memstore.Options{
			AccessKey: StoreAccessKey, SecretKey: StoreSecretKey, Region: storeRegion, MaxBytes: 4 << 30,
		})
		if err != nil {
			return "", err
		}
		return "http://" + s.Address(), nil
	}
	dir, err := os.MkdirTemp("", "sealfront-store-")
	if err != nil {
		return "", err
	}
	stopSharedStore = func() { _ = os.RemoveAll(dir) }
	store, err := startStoreProcess(&localstore.Options{
		Dir: dir, AccessKey: StoreAccessKey, SecretKey: StoreSecretKey, Region: storeRegion,
	})
	if err != nil {
		return "", err
	}
	stopSharedStore = func() { _, _ = store.Close(), os.RemoveAll(dir) }
	return "http://" + store.Address(), nil
})

const storeRegion = "us-east-1"

var stopSharedStore = func() {}
