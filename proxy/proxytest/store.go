package proxytest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"

	"sealfront/proxy/localstore"
	"sealfront/proxy/memstore"
)

// The credentials of the shared store.
const (
	StoreAccessKey = "storekey"
	StoreSecretKey = "storesecret"
)

// SharedStore is where a store for all tests of the package listens. It is the embedded one in a process of its own, since
// versitygw allows one a process, and changes that process's working directory; without a TestMain that calls Main it is a store
// in memory.
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
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), storeVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	stopSharedStore = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	return "http://" + strings.TrimSpace(address), err
})

const storeRegion = "us-east-1"

var stopSharedStore = func() {}

// serveStore is the process of SharedStore.
func serveStore(dir string) error {
	s, err := localstore.Start(context.Background(), localstore.Options{
		Dir: dir, AccessKey: StoreAccessKey, SecretKey: StoreSecretKey, Region: storeRegion,
	})
	if err != nil {
		return err
	}
	fmt.Println(s.Address())
	select {} // until it is killed
}
