package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sealfront/crypto/keyring"
)

// A heldKey is a bucket key in the memory of a replica, as GET /keys shows it.
type heldKey struct {
	Bucket  string  `json:"bucket"` // ARN
	KMSKey  string  `json:"kmsKey"`
	Age     float64 `json:"ageSeconds"`
	Expires float64 `json:"expiresInSeconds"`
	Uses    int64   `json:"uses"`
}

func heldKeys(k *keyring.Keyring) []heldKey {
	list := []heldKey{}
	for _, h := range k.Held() {
		list = append(list, heldKey{h.BucketARN, h.KeyARN, h.Age.Round(time.Millisecond).Seconds(), h.Expires.Round(time.Millisecond).Seconds(), h.Uses})
	}
	return list
}

// showKeys answers GET /keys.
func (p *parts) showKeys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = writeJSON(w, heldKeys(p.keys)) // the operator went away
}

// prepareKeys asks a running replica by its admin address.
func prepareKeys(v *invocation) action {
	v.at.register(v.FlagSet)
	admin := v.String("admin", "", "the replica's admin `ADDRESS`; default that of the configuration")
	kmsKey := v.String("kms-key", "", "with drop: `ARN` of the KMS key whose bucket keys to drop; default all")
	return func(ctx context.Context, operands []string) error {
		drop := len(operands) > 0
		if drop && operands[0] != "drop" {
			return usagef("keys takes drop or nothing, but got %q\n%s", operands, v.command.usage())
		}
		if *kmsKey != "" && !drop {
			return usagef("--kms-key goes with keys drop")
		}
		return v.askForKeys(ctx, *admin, drop, *kmsKey)
	}
}

// askForKeys asks for the bucket keys, or has them dropped, and writes the answer.
func (v *invocation) askForKeys(ctx context.Context, admin string, drop bool, kmsKey string) error {
	address, token, scheme := admin, "", "http"
	if address == "" || v.at.file != "" {
		c, err := v.at.load()
		if err != nil {
			return err
		}
		address, token = or(address, c.Listen.Admin), c.Admin.Token
		if c.Admin.Cert != "" {
			scheme = "https"
		}
	}
	if address == "" || strings.HasSuffix(address, ":0") {
		return usagef("the configuration doesn't tell the admin address: name it with --admin")
	}
	if !strings.Contains(address, "://") {
		address = scheme + "://" + address
	}
	method, path := http.MethodGet, "/keys"
	if drop {
		method, path = http.MethodPost, "/keys/drop"
		if kmsKey != "" {
			path += "?" + url.Values{"kms-key": {kmsKey}}.Encode()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(address, "/")+path, nil)
	if err != nil {
		return usageError{err}
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("ask the replica: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return errors.Join(fmt.Errorf("the replica answered %s: %s", resp.Status, strings.TrimSpace(string(text))), err)
	}
	_, err = io.Copy(v.stdout, resp.Body)
	return err
}
