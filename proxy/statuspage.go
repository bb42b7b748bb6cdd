package main

import (
	"context"
	"crypto/fips140"
	"crypto/x509"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"sealfront/policy"
	"sealfront/proxy/config"
	"sealfront/proxy/state"
	"sealfront/proxy/status"
)

// statusSources say what the status page shows.
func (p *parts) statusSources(c *config.Config, a *admin, h *health, r *reloader) *status.Sources {
	started := time.Now()
	return &status.Sources{
		History: a.history, Health: h.report, Row: policy.Why, Ready: a.ready.Load,
		Buckets: func(ctx context.Context, limit int) (list []status.Bucket, more bool, err error) {
			ctx, cancel := context.WithTimeout(ctx, healthTimeout)
			defer cancel()
			err = p.state.ListBuckets(ctx, "", func(b *state.Bucket) bool {
				if more = len(list) == limit; !more {
					list = append(list, p.shownBucket(b, c))
				}
				return !more
			})
			return list, more, err
		},
		Facts: func() []status.Fact { return p.facts(c, r, started) },
	}
}

func (p *parts) shownBucket(b *state.Bucket, c *config.Config) status.Bucket {
	shown := status.Bucket{Name: b.Name, Kind: "general purpose", Default: "SSE-S3", Key: b.BoundKey}
	if b.Directory {
		shown.Kind = "directory"
	}
	switch {
	case b.DefaultKMS:
		shown.Default, shown.Key = "SSE-KMS", b.DefaultKey
	case !b.Directory && !b.Configured && c.GeneralPurpose.DefaultEncryption == "aws:kms":
		shown.Default, shown.Key = "SSE-KMS", p.serviceKey
	}
	return shown
}

func (p *parts) facts(started *config.Config, r *reloader, since time.Time) []status.Fact {
	now := r.current.Load()
	clock := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
	facts := []status.Fact{
		{Name: "version", Value: version() + ", " + runtime.Version()},
		{Name: "running since", Value: clock(since)},
		{Name: "configuration", Value: now.Digest() + ", loaded " + clock(r.outcome.Load().Loaded)},
	}
	add := func(bad bool, name, format string, args ...any) {
		facts = append(facts, status.Fact{Name: name, Value: fmt.Sprintf(format, args...), Bad: bad})
	}
	if o := r.outcome.Load(); o.Err != nil {
		add(true, "last reload", "refused at %s: %s", clock(o.At), strings.ReplaceAll(o.Err.Error(), "\n", "; "))
	} else if len(o.Waits) > 0 {
		add(true, "waits for the next start", "%s", strings.Join(o.Waits, ", "))
	}
	add(false, "region, account", "%s, %s", started.Region, started.Account)
	add(false, "store", "%s; %s", strings.TrimSpace(started.Store.Kind+" "+started.Store.Endpoint), p.abilities)
	add(false, "KMS", "%s", strings.TrimSpace(started.KMS.Kind+" "+started.KMS.Endpoint))
	add(false, "FIPS 140-3 mode", "%s", map[bool]string{true: "on, module " + fips140.Version(), false: "off"}[fips140.Enabled()])
	if t := r.encryption.Load(); t != nil {
		for _, pair := range t.Certificates {
			leaf := pair.Leaf
			if leaf == nil {
				leaf, _ = x509.ParseCertificate(pair.Certificate[0])
			}
			if leaf != nil {
				add(time.Until(leaf.NotAfter) < 7*24*time.Hour, "certificate", "%s, valid until %s", strings.Join(leaf.DNSNames, " "), clock(leaf.NotAfter))
			}
		}
	}
	atOnce := "not bounded"
	if n := p.gateway.Limits().Requests; n > 0 {
		atOnce = strconv.Itoa(n)
	}
	add(false, "requests at once", "%s", atOnce)
	if m := p.memory.Load(); m.limit > 0 {
		add(false, "memory", "%d MiB (%s)", m.limit>>20, m.source)
	} else {
		add(false, "memory", "no limit is known")
	}
	if p.audit != nil {
		add(!p.audit.Writing(), "audit log", "%s, %s", started.Log.Audit.File, map[bool]string{true: "written", false: "can't be written"}[p.audit.Writing()])
	} else {
		add(false, "audit log", "none")
	}
	return facts
}
