package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sealfront/proxy/config"
	"sealfront/proxy/instance"
	"sealfront/proxy/metrics"
	"sealfront/proxy/state"
)

// How long the key service has for all that is tried with it, and when a line says what is being waited for.
const (
	kmsPatience = 10 * time.Second
	noteAfter   = 2 * time.Second
)

// storeAndKMS tries those that aren't embedded, as a start does, and returns the store's abilities.
func (k *checkup) storeAndKMS(ctx context.Context) (abilities string) {
	c := k.c
	var storage *instance.Storage
	if c.Store.Kind == "s3" || c.Store.Kind == "directory" {
		if storage = k.tryStore(ctx); storage != nil {
			defer func() { _ = storage.Close() }()
			abilities = storage.Abilities.String()
		}
	}
	if c.KMS.Kind != "aws" {
		return abilities
	}
	limited, cancel := context.WithTimeout(ctx, kmsPatience)
	defer cancel()
	service := k.tryKMS(limited)
	if service == nil {
		return abilities
	}
	defer func() { _ = service.Close() }()
	if storage != nil {
		k.stateKey(limited, storage, service)
	}
	return abilities
}

// stateKey opens the state key with the service key, where an earlier start has made one.
func (k *checkup) stateKey(ctx context.Context, storage *instance.Storage, service *instance.KeyService) {
	objects := storage.Client.Objects(k.c.Store.StateBucket)
	err := state.CheckKey(ctx, objects, service.Client, service.ServiceKey)
	if err == nil {
		return
	}
	s, path := storeOf(k.c), "store"
	if _, ok := errors.AsType[*state.ServiceKeyError](err); ok {
		s, path = kmsOf(k.c), "kms.service_key"
	}
	k.faults = append(k.faults, explain(ctx, s, path, k.c, err))
}

// tryStore probes the store as a start does, and returns it open; nil when it can't be used.
func (k *checkup) tryStore(ctx context.Context) *instance.Storage {
	s := storeOf(k.c)
	defer k.waitFor("the store at " + s.name)()
	if pool, err := poolOf(s); err == nil && inspect(ctx, s.endpoint, pool) == silent {
		// A probe would wait for it again and again.
		k.faults = append(k.faults, config.Fault{Path: "store", Passing: true, Why: fmt.Sprintf("tried %s: no answer "+
			"within %v; check firewalls, and whether it hangs", s.name, inspectPatience)})
		return nil
	}
	storage, err := instance.OpenStorage(ctx, k.c, nil, metrics.New(), instance.Options{})
	if err == nil {
		if err = storage.Probe(ctx, k.c); err == nil {
			return storage
		}
		_ = storage.Close()
	}
	if faults, ok := errors.AsType[config.Faults](err); ok {
		k.faults = append(k.faults, unlessNotS3(ctx, s, faults)...)
		return nil
	}
	f := explain(ctx, s, "store", k.c, err)
	k.faults = append(k.faults, f)
	return nil
}

// unlessNotS3 replaces what the probe found out about something that isn't a store.
func unlessNotS3(ctx context.Context, s service, found config.Faults) config.Faults {
	if found[0].Path != "store" {
		return found
	}
	if a := adviceByConnecting(ctx, s); a != nil && a.text == notS3 {
		return config.Faults{{Path: "store", Why: fmt.Sprintf("tried %s: %s", s.name, a.text)}}
	}
	return found
}

// tryKMS does with the service key what a start does: describes it, generates a data key and decrypts it. It returns
// the key service open; nil when it can't be used.
func (k *checkup) tryKMS(ctx context.Context) *instance.KeyService {
	c := k.c
	s := kmsOf(c)
	defer k.waitFor(s.name)()
	if _, err := poolOf(s); err != nil {
		k.fault("kms.ca", "read the certificate authority: %v; it must be a file of certificates in PEM", err)
		return nil
	}
	service, err := instance.OpenKeyService(ctx, c, nil)
	if err != nil {
		k.faults = append(k.faults, explain(ctx, s, "kms", c, err))
		return nil
	}
	if err := tryServiceKey(ctx, service); err != nil {
		_ = service.Close()
		k.faults = append(k.faults, explain(ctx, s, "kms.service_key", c, err))
		return nil
	}
	return service
}

func tryServiceKey(ctx context.Context, service *instance.KeyService) error {
	_, state, _, _, _, err := service.Client.DescribeKey(ctx, service.ServiceKey)
	switch {
	case err != nil:
		return fmt.Errorf("kms:DescribeKey: %w", err)
	case state != "Enabled":
		return fmt.Errorf("the key is in state %s: enable it, or cancel its deletion", state)
	}
	return tryKey(ctx, service.Client, service.ServiceKey)
}

func tryKey(ctx context.Context, kms *instance.KMSClient, key string) error {
	about := map[string]string{"sealfront": "config check"}
	plaintext, blob, err := kms.GenerateDataKey(ctx, key, about)
	clear(plaintext)
	if err != nil {
		return fmt.Errorf("kms:GenerateDataKey: %w", err)
	}
	if plaintext, err = kms.Decrypt(ctx, key, blob, about); err != nil {
		return fmt.Errorf("kms:Decrypt: %w", err)
	}
	clear(plaintext)
	return nil
}
