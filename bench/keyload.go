package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sealfront/sigv4"
)

// A keyTarget is a key service under load.
type keyTarget struct {
	name, endpoint, key, region string
	credentials                 sigv4.Credentials
	processes                   []int // that count as its
	client                      *http.Client
}

// keyFigures are what one round found.
type keyFigures struct {
	requests, errors int
	first            error // of the errors
	took             time.Duration
	latencies        []time.Duration // from when each was due, sorted
	cpu              time.Duration
}

func (f *keyFigures) rate() float64 { return float64(f.requests) / f.took.Seconds() }

// quantile is in microseconds.
func (f *keyFigures) quantile(q float64) float64 {
	if len(f.latencies) == 0 {
		return 0
	}
	return float64(f.latencies[min(len(f.latencies)-1, int(q*float64(len(f.latencies))))].Microseconds())
}

func (f *keyFigures) cpuEach() float64 {
	return float64(f.cpu.Microseconds()) / float64(max(1, f.requests))
}

// load has rate requests a second due for a while, whether or not earlier ones have ended, on so many connections.
func (t *keyTarget) load(ctx context.Context, rate float64, connections int, duration time.Duration) *keyFigures {
	total := int64(rate * duration.Seconds())
	f := &keyFigures{}
	var mu sync.Mutex
	var next atomic.Int64
	var all sync.WaitGroup
	watch, began := watchProcesses(t.processes), time.Now()
	for range connections {
		all.Go(func() {
			var took []time.Duration
			var failed []error
			for n := next.Add(1) - 1; n < total && ctx.Err() == nil; n = next.Add(1) - 1 {
				due := began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
				wait(ctx, time.Until(due))
				err := t.generate(ctx, int(n))
				took = append(took, time.Since(due))
				if err != nil {
					failed = append(failed, err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			f.latencies = append(f.latencies, took...)
			f.errors += len(failed)
			if len(failed) > 0 && f.first == nil {
				f.first = failed[0]
			}
		})
	}
	all.Wait()
	f.took, f.cpu, f.requests = time.Since(began), watch().cpu, len(f.latencies)
	slices.Sort(f.latencies)
	return f
}

// generate makes a data key, with one of eight encryption contexts.
func (t *keyTarget) generate(ctx context.Context, n int) error {
	answer, err := t.call(ctx, "GenerateDataKey", map[string]any{
		"KeyId": t.key, "NumberOfBytes": 32,
		"EncryptionContext": map[string]string{"aws:s3:arn": fmt.Sprintf("arn:aws:s3:::bucket-%d", n%8)},
	})
	if plaintext, _ := answer["Plaintext"].(string); err == nil && len(plaintext) != 44 { // 32 bytes in Base64
		err = fmt.Errorf("GenerateDataKey: no data key in %v", answer)
	}
	return err
}

func (t *keyTarget) call(ctx context.Context, action string, input map[string]any) (map[string]any, error) {
	body, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	now, sum := time.Now(), sha256.Sum256(body)
	m := &sigv4.Message{
		Method: []byte("POST"), Path: []byte("/"), Header: []sigv4.Field{{Name: []byte("Host"), Value: []byte(r.Host)}},
	}
	set := func(name, value string) {
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
		r.Header.Set(name, value)
	}
	set("Content-Type", "application/x-amz-json-1.1")
	set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	set("X-Amz-Date", string(sigv4.AppendTimestamp(nil, now)))
	set("X-Amz-Target", "TrentService."+action)
	r.Header.Set("Authorization",
		string(sigv4.NewSigner(t.region, "kms").AppendAuthorization(nil, m, &t.credentials, now)))
	response, err := t.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %d %s", action, response.StatusCode, strings.TrimSpace(string(text)))
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("%s: the answer is no JSON: %w", action, err)
	}
	return answer, nil
}
