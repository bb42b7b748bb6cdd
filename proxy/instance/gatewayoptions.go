package instance

import (
	"net/netip"
	"slices"

	"sealfront/policy"
	"sealfront/proxy/gateway"
	"sealfront/proxy/status"
)

// gatewayOptions are the gateway's options by the configuration.
func (i *Instance) gatewayOptions() gateway.Options {
	c, m := i.Config, i.Metrics
	o := gateway.Options{
		Store: i.Storage.Client, Keys: i.Keys, Buckets: i.State, Uploads: i.State, Renames: i.State, Claims: i.State,
		Sessions: i.State, Ended: i.State.Ended,
		Region: c.Region, Account: c.Account, Zones: c.Zones, Domains: c.Domains,
		ServiceKey: i.KMS.ServiceKey, DefaultKMS: c.GeneralPurpose.DefaultEncryption == "aws:kms",
		AllowedKeys: c.KMS.AllowedKeys,
		StateBucket: c.Store.StateBucket, BucketPrefix: c.Store.BucketPrefix,
		DirectoryStore: c.Store.Kind == "directory", Abilities: i.Storage.Abilities, CopyLimit: i.options.CopyLimit,
		MetadataHeader: c.Store.MetadataHeader,
		AcceptS3Scope:  *c.Auth.AcceptS3Scope, VerboseMismatch: c.Auth.VerboseMismatch,
		StrictSessionKey: c.Strict.CreateSessionKey,
		PerPrincipal:     c.KMS.BucketKey.PerPrincipal, ChecksumOnGet: c.Checksums.OnGet == "always",
		ListObjectsV1: *c.Compat.ListObjectsV1, PostObject: c.Compat.PostObject,
		FailedLogins: failedLogins(c),
		Now:          i.options.Now, Log: i.Log,
		Observe: gateway.Observer{
			Request: m.TracedRequest, Refusal: m.Refusal, Bytes: m.Bytes, Integrity: m.Integrity, Shed: m.Shed,
			Session: m.Session,
			Failure: i.addFailure,
		},
	}
	if c.TLS.Require == "all" {
		o.RequireTLS = policy.RequireAll
	}
	if len(c.TLS.TrustedProxies) > 0 {
		var networks []netip.Prefix
		for _, n := range c.TLS.TrustedProxies {
			networks = append(networks, netip.MustParsePrefix(n)) // validated
		}
		o.TrustedProxies = func(remote netip.Addr) bool {
			return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(remote) })
		}
	}
	return o
}

// addFailure keeps a failed request for the status page.
func (i *Instance) addFailure(f gateway.Failure) {
	i.Failures.Add(status.Failure{
		Time: f.Time, Request: f.RequestID, Operation: f.Operation, Bucket: f.Bucket, Status: f.Status, Code: f.Code,
		Row: f.Row, Cause: f.Cause,
	})
}
