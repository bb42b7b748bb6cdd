package command

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"time"

	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/admin"
	"sealfront/proxy/certificates"
	"sealfront/proxy/gateway"
	"sealfront/proxy/instance"
	"sealfront/proxy/state"
)

// adminOptions connect the admin address to p.
func adminOptions(p *instance.Instance, r *instance.Reloader, me *thisReplica, l *listeners) admin.Options {
	o := admin.Options{
		Config: p.Config, Metrics: p.Metrics, Health: me.health, Failures: p.Failures,
		Explain: func(ctx context.Context, q url.Values) (any, error) {
			return explain(ctx, p.Gateway, q)
		},
		Held: func() []admin.HeldKey { return heldKeys(p.Keys) },
		Drop: func(ctx context.Context, keyARN string) error {
			keyARN = cmp.Or(keyARN, state.AllKeys)
			err := p.State.Revoke(ctx, keyARN)
			if err != nil {
				// This replica is done; the others may learn of it by a repeated call.
				p.DropKey(keyARN)
			}
			return err
		},
		Attestation:       func() admin.Attestation { return shownAttestation(p) },
		RecordAttestation: func(line []byte) (admin.Attestation, error) { return recordAttestation(p, line) },
		ErrorLog:          admin.ErrorLog(func(text string) { p.Log.Debug(text) }, func(text string) { p.Log.Error(text) }),
		Row:               policy.Why, Buckets: p.Buckets,
		Situation: func() admin.Situation {
			m, last := p.Memory(), r.Last()
			s := admin.Situation{
				Version: version(), Since: me.started, Host: me.host, Listeners: l.String(),
				Config:    r.Current(),
				Reload:    admin.Reload{At: last.At, Err: last.Err, Waits: last.Waits, Loaded: last.Loaded},
				Abilities: p.Storage.Abilities, Certificates: shownCertificates(p.Certificates),
				Requests: p.Gateway.Limits().Requests,
				Memory:   m.Limit, MemoryBy: m.Source,
				AttestationKey: base64.StdEncoding.EncodeToString(attestationKey(p)),
			}
			for _, i := range p.Gateway.Access().Issuers().States() {
				s.Issuers = append(s.Issuers, admin.Issuer{URL: i.URL, Keys: i.Keys, Fetched: i.Fetched, Err: i.Err})
			}
			if p.Audit != nil {
				state := p.Audit.State()
				s.Audit = &admin.Audit{
					Failing: state.Failing, Why: state.Why, Waiting: state.Waiting, Oldest: state.Oldest, Lost: state.Lost,
				}
			}
			return s
		},
	}
	if p.Replicas != nil {
		o.Replicas = func(ctx context.Context) ([]admin.Replica, error) { return p.ShownReplicas(ctx, me.now()) }
	}
	return o
}

func shownCertificates(k *certificates.Watcher) (list []admin.Certificate) {
	for _, c := range k.List() {
		list = append(list, admin.Certificate{
			Source: c.Source, Names: c.Names, State: string(c.State(time.Now())), NotAfter: c.NotAfter,
		})
	}
	return list
}

// explain decides about a request that the parameters of GET /explain describe.
func explain(ctx context.Context, g *gateway.Gateway, v url.Values) (any, error) {
	e, err := g.Access().Explain(ctx, &access.Question{
		Operation: v.Get("operation"), Bucket: v.Get("bucket"), Key: v.Get("key"), Header: v["header"], Query: v["query"],
		SessionHeader: v["session-header"], LongTerm: v.Has("long-term"), Plain: v.Has("http"), Principal: v.Get("principal"),
		Source: v.Get("source-ip"),
	})
	if errors.Is(err, access.ErrQuestion) {
		err = admin.NewBadQuestion(err)
	}
	return e, err
}

func heldKeys(k *keyring.Keyring) []admin.HeldKey {
	list := []admin.HeldKey{}
	for _, h := range k.Held() {
		list = append(list, admin.HeldKey{
			Bucket: h.BucketARN, KMSKey: h.KeyARN, Uses: h.Uses,
			Age: h.Age.Round(time.Millisecond).Seconds(), Expires: h.Expires.Round(time.Millisecond).Seconds(),
		})
	}
	return list
}
