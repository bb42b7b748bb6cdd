package main

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
)

// metrics are what the target reports about itself.
type metrics struct {
	mallocs float64 // go_memstats_mallocs_total
	kms     float64 // sealfront_kms_calls_total, all of them
	waited  float64 // sealfront_bucket_keys_total{result="miss"}: requests that waited for KMS
	heap    float64 // go_memstats_heap_inuse_bytes
	runtime float64 // go_memstats_sys_bytes without go_memstats_heap_released_bytes
	open    float64 // sealfront_open_connections
	active  float64 // sealfront_active_requests
}

// scrape reads the target's metrics; ok is false when it has none.
func (t *target) scrape(ctx context.Context) (m *metrics, ok bool) {
	if t.admin == "" {
		return nil, false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(t.admin, "/")+"/metrics", nil)
	if err != nil {
		return nil, false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, false
	}
	defer func() { _ = answer.Body.Close() }()
	m = &metrics{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		name, labels, labelled := strings.Cut(series, "{")
		if labelled { // values of labels may hold blanks
			if i := strings.LastIndexByte(lines.Text(), ' '); i >= 0 {
				value = lines.Text()[i+1:]
			}
		}
		n, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_memstats_mallocs_total":
			m.mallocs = n
		case "sealfront_kms_calls_total":
			m.kms += n
		case "sealfront_bucket_keys_total":
			if strings.HasPrefix(labels, `result="miss"`) {
				m.waited = n
			}
		case "go_memstats_heap_inuse_bytes":
			m.heap = n
		case "go_memstats_sys_bytes":
			m.runtime += n
		case "go_memstats_heap_released_bytes":
			m.runtime -= n
		case "sealfront_open_connections":
			m.open = n
		case "sealfront_active_requests":
			m.active = n
		}
	}
	return m, answer.StatusCode == http.StatusOK
}
