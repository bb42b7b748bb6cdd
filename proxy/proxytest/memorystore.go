package proxytest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"sealfront/proxy/instance"
	"sealfront/proxy/localstore"
	"sealfront/proxy/memstore"
)

// memoryStores are the stores in memory that stand in for embedded ones, by their directories.
var memoryStores = struct {
	sync.Mutex
	byDir map[string]*memstore.Store
}{byDir: make(map[string]*memstore.Store)}

// A borrowedStore outlives the program that uses it.
type borrowedStore struct{ *memstore.Store }

// Close does nothing: the next program with the same directory finds the objects of this one.
func (borrowedStore) Close() error { return nil }

// storeInMemory starts stores in memory in place of embedded ones. There is one a directory, until the test ends that
// began it: after the programs that it starts from here on.
func storeInMemory(t testing.TB) func(context.Context, localstore.Options) (instance.EmbeddedStore, error) {
	begun := map[string]*memstore.Store{}
	t.Cleanup(func() {
		memoryStores.Lock()
		defer memoryStores.Unlock()
		for dir, s := range begun {
			delete(memoryStores.byDir, dir)
			_ = s.Close()
		}
	})
	return func(_ context.Context, l localstore.Options) (instance.EmbeddedStore, error) {
		memoryStores.Lock()
		defer memoryStores.Unlock()
		if s := memoryStores.byDir[l.Dir]; s != nil {
			return borrowedStore{s}, nil
		}
		s, err := memstore.Start(memstore.Options{
			AccessKey: l.AccessKey, SecretKey: l.SecretKey, Region: l.Region, MaxBytes: 4 << 30,
		})
		if err != nil {
			return nil, fmt.Errorf("start a store in memory: %w", err)
		}
		memoryStores.byDir[l.Dir], begun[l.Dir] = s, s
		return borrowedStore{s}, nil
	}
}
