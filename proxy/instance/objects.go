package instance

import (
	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/objects"
	"sealfront/proxy/state"
)

// Objects are the sealed objects of the instance's store, for tools: only the operator's permission is needed. An
// instance that was opened for Keys has no store: it can open files only.
func (i *Instance) Objects() *objects.Objects { return objects.New(i.objectsOptions()) }

func (i *Instance) objectsOptions() objects.Options {
	c := i.Config
	o := objects.Options{
		Keys: i.Keys, MetadataHeader: c.Store.MetadataHeader, ServiceKey: i.KMS.ServiceKey, Policy: i.policyOptions(),
		Log: i.Log,
	}
	if i.Storage != nil {
		o.Store, o.Buckets, o.Uploads, o.Claims = i.Storage.Client, i.State, i.State, i.State
		o.StateBucket, o.Abilities, o.CopyLimit = c.Store.StateBucket, i.Storage.Abilities, i.options.CopyLimit
		o.DirectoryStore = c.Store.Kind == "directory"
	}
	return o
}

// FactsOf is a bucket's record as rules see it.
func (i *Instance) FactsOf(b *state.Bucket) policy.Bucket {
	o := i.policyOptions()
	return access.FactsOf(b, &o)
}

func (i *Instance) policyOptions() policy.Options {
	c, serviceKey := i.Config, i.KMS.ServiceKey
	return policy.Options{
		AllowedKeys: c.KMS.AllowedKeys, ServiceKey: serviceKey, DefaultKey: serviceKey,
		DefaultKMS: c.GeneralPurpose.DefaultEncryption == "aws:kms",
	}
}
