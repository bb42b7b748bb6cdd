package gateway

import (
	"sealfront/policy/xmldoc"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// Settings of a bucket that have no effect here: every request needs credentials, ACLs are disabled, and objects stay
// in their storage class. Tools that manage buckets set them, and read them until they are what was set; so they are
// recorded, and shown.

// publicAccess are the elements of a public access block, in the order of state.Bucket.PublicAccess.
var publicAccess = [...]string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}

var (
	publicAccessBlock = s3.Grammar{Root: "PublicAccessBlockConfiguration", Paths: publicAccess[:]}
	ownershipControls = s3.Grammar{Root: "OwnershipControls", Paths: []string{"Rule/ObjectOwnership"}}
)

// setting reads the bucket's record past the cache: a change at another replica must be visible here.
func (x *exchange) setting() (*state.Bucket, error) {
	record, err := x.grant.FreshRecord(x.context)
	if err == nil && record == nil {
		err = s3.NoSuchBucket(x.Bucket)
	}
	return record, err
}

func (x *exchange) changeSetting(status int, change func(*state.Bucket)) error {
	_, err := x.g.o.Buckets.UpdateBucket(x.context, x.Bucket, func(b *state.Bucket) error {
		change(b)
		return nil
	})
	if err != nil {
		return x.updateError(err)
	}
	x.ctx.Response.SetStatusCode(status)
	return nil
}

// readSetting reads a client's document by its grammar.
func (x *exchange) readSetting(g *s3.Grammar, into any) error {
	document, err := x.readDocument(objects.MaxDocument)
	if err != nil {
		return err
	}
	if document, err = g.Rewrite(document, true); err != nil {
		return s3.MalformedXML(err)
	}
	if err := xmldoc.Unmarshal(document, into); err != nil {
		return s3.MalformedXML(err)
	}
	return nil
}
