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
)

// SharedStore is an embedded store in a process of its own, for all tests: versitygw allows one a process, and changes
// that process's working directory.
var SharedStore = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sealfront-store-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SEALFRONT_TEST_STORE="+dir)
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

var stopSharedStore = func() {}

// serveStore is the process of sharedStore.
func serveStore(dir string) error {
	s, err := localstore.Start(context.Background(), localstore.Options{Dir: dir, AccessKey: "storekey", SecretKey: "storesecret", Region: "us-east-1"})
	if err != nil {
		return err
	}
	fmt.Println(s.Address())
	select {} // until it is killed
}
