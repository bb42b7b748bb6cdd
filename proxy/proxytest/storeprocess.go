package proxytest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"sealfront/proxy/localstore"
)

// A storeProcess is an embedded store in a process of its own: the test binary, started again.
type storeProcess struct {
	cmd     *exec.Cmd
	address string
}

func startStoreProcess(o *localstore.Options) (*storeProcess, error) {
	mustBeAbleToRun()
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	s := &storeProcess{cmd: exec.Command(os.Args[0])}
	s.cmd.Env = append(os.Environ(), storeVariable+"="+string(text))
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("start a store over files: %w", err)
	}
	s.address = strings.TrimSpace(line)
	return s, nil
}

// Address is where the store listens, host:port.
func (s *storeProcess) Address() string { return s.address }

// Close ends the store. All that it has acknowledged is in its files.
func (s *storeProcess) Close() error {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	return nil
}

// serveStore is the process of a store.
func serveStore(options string) error {
	var o localstore.Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return err
	}
	s, err := localstore.Start(context.Background(), o)
	if err != nil {
		return err
	}
	fmt.Println(s.Address())
	select {} // until it is killed
}
