// sealfront-vault is the core of HashiCorp Vault 1.14 (the last under the Mozilla licence) as a server for tests, with
// storage in memory: Transit, AppRole, Kubernetes and token, without the other engines, which drag in half the world.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/hashicorp/go-hclog"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sealfront-vault:", err)
		os.Exit(1)
	}
}

func run() error {
	level := hclog.Warn
	if os.Getenv("VAULT_LOG_LEVEL") == "debug" {
		level = hclog.Debug
	}
	logger := hclog.New(&hclog.LoggerOptions{Level: level, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical: storage, DisableMlock: true, Logger: logger,
		BuiltinRegistry:    registry{},
		LogicalBackends:    map[string]logical.Factory{"transit": transit.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory, "kubernetes": kubernetes.Factory},
	})
	if err != nil {
		return err
	}
	initialised, err := core.Initialize(context.Background(), &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}, RecoveryConfig: nil,
	})
	if err != nil {
		return err
	}
	if _, err := core.Unseal(initialised.SecretShares[0]); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	line, err := json.Marshal(map[string]any{
		"address": "http://" + listener.Addr().String(), "token": initialised.RootToken,
		"unseal": fmt.Sprintf("%x", initialised.SecretShares[0]),
	})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return http.Serve(listener, vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core}))
}

// registry says which engines there are, next to the factories in run.
type registry struct{}

var engines = map[string]consts.PluginType{
	"transit": consts.PluginTypeSecrets, "approle": consts.PluginTypeCredential, "kubernetes": consts.PluginTypeCredential,
}

func (registry) Contains(name string, t consts.PluginType) bool { return engines[name] == t }

func (registry) Get(name string, t consts.PluginType) (func() (any, error), bool) {
	switch {
	case engines[name] != t:
		return nil, false
	case name == "transit":
		return func() (any, error) { return logical.Factory(transit.Factory), nil }, true
	case name == "approle":
		return func() (any, error) { return logical.Factory(approle.Factory), nil }, true
	}
	return func() (any, error) { return logical.Factory(kubernetes.Factory), nil }, true
}

func (registry) Keys(t consts.PluginType) []string {
	var names []string
	for name, is := range engines {
		if is == t {
			names = append(names, name)
		}
	}
	return names
}

func (registry) DeprecationStatus(name string, t consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, engines[name] == t
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
