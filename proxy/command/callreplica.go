package command

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A calledReplica is a running replica at its admin address.
type calledReplica struct{ address, token string }

// findReplica is the replica at an admin address, or with "" that of the configuration, whose token is sent.
func (v *invocation) findReplica(admin string) (*calledReplica, error) {
	address, token, scheme := admin, "", "http"
	if address == "" || v.at.file != "" {
		c, err := v.at.load()
		if err != nil {
			return nil, err
		}
		address, token = cmp.Or(address, c.Listen.Admin), c.Admin.Token
		if c.Admin.Cert != "" {
			scheme = "https"
		}
	}
	if address == "" || strings.HasSuffix(address, ":0") {
		return nil, usagef("the configuration doesn't say the admin address: name it with --admin")
	}
	if !strings.Contains(address, "://") {
		address = scheme + "://" + address
	}
	return &calledReplica{strings.TrimSuffix(address, "/"), token}, nil
}

// maxAnswer bounds what a replica may answer.
const maxAnswer = 64 << 20

// call sends a request and writes the answer.
func (r *calledReplica) call(ctx context.Context, method, path string, body []byte, answer io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, r.address+path, bytes.NewReader(body))
	if err != nil {
		return usageError{err}
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("call the replica: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return errors.Join(fmt.Errorf("the replica answered %s: %s", resp.Status, strings.TrimSpace(string(text))), err)
	}
	if n, err := io.Copy(answer, io.LimitReader(resp.Body, maxAnswer+1)); err != nil || n <= maxAnswer {
		return err
	}
	return fmt.Errorf("the answer of the replica at %s is longer than %d bytes", r.address, maxAnswer)
}
