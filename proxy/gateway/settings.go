package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sealfront/policy"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// Settings of a bucket that hold here whatever they say: nobody has access without credentials, ACLs are off, and
// objects stay in their storage class. Tools that manage buckets set them, and read them until they are what was set;
// so they are kept, and shown again.

// publicAccess are the elements of a public access block, in the order of state.Bucket.PublicAccess.
var publicAccess = [...]string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}

var (
	publicAccessBlock = s3.Grammar{Root: "PublicAccessBlockConfiguration", Paths: publicAccess[:]}
	ownershipControls = s3.Grammar{Root: "OwnershipControls", Paths: []string{"Rule/ObjectOwnership"}}
)

// setting reads the bucket's record anew: who has changed a setting at another replica reads it here.
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

func getPublicAccessBlock(x *exchange) error {
	record, err := x.setting()
	switch {
	case err != nil:
		return err
	case len(record.PublicAccess) != len(publicAccess):
		return s3.Refuse("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found",
			"BucketName", x.Bucket)
	}
	var inner strings.Builder
	for i, name := range publicAccess {
		inner.WriteString("<" + name + ">" + strconv.FormatBool(record.PublicAccess[i] == '1') + "</" + name + ">")
	}
	return x.answerElement(publicAccessBlock.Root, inner.String())
}

func putPublicAccessBlock(x *exchange) error {
	var document struct {
		BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets *string
	}
	if err := x.readSetting(&publicAccessBlock, &document); err != nil {
		return err
	}
	settings, given := "", false
	for _, value := range [...]*string{
		document.BlockPublicAcls, document.IgnorePublicAcls, document.BlockPublicPolicy, document.RestrictPublicBuckets,
	} {
		set := false
		if value != nil {
			var err error
			if set, err = strconv.ParseBool(strings.ToLower(strings.TrimSpace(*value))); err != nil {
				return s3.MalformedXML(err)
			}
			given = true
		}
		if set {
			settings += "1"
		} else {
			settings += "0"
		}
	}
	if !given {
		return s3.Refuse("InvalidRequest", "Must specify at least one configuration.")
	}
	return x.changeSetting(http.StatusOK, func(b *state.Bucket) { b.PublicAccess = settings })
}

func deletePublicAccessBlock(x *exchange) error {
	return x.changeSetting(http.StatusNoContent, func(b *state.Bucket) { b.PublicAccess = "" })
}

// getOwnershipControls: ACLs are off, as in every bucket that Amazon S3 makes now.
func getOwnershipControls(x *exchange) error {
	record, err := x.setting()
	switch {
	case err != nil:
		return err
	case record.NoOwnership:
		return s3.Refuse("OwnershipControlsNotFoundError", "The bucket ownership controls were not found", "BucketName",
			x.Bucket)
	}
	return x.answerElement(ownershipControls.Root, "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>")
}

func putOwnershipControls(x *exchange) error {
	var document struct {
		Rule []struct{ ObjectOwnership []string }
	}
	if err := x.readSetting(&ownershipControls, &document); err != nil {
		return err
	}
	if len(document.Rule) != 1 || len(document.Rule[0].ObjectOwnership) != 1 {
		return s3.MalformedXML(errors.New("not one rule with one ownership"))
	}
	switch ownership := strings.TrimSpace(document.Rule[0].ObjectOwnership[0]); ownership {
	case "BucketOwnerEnforced":
	case "BucketOwnerPreferred", "ObjectWriter": // ACLs would count
		return s3.Refuse("NotImplemented", "The document has a value that is not implemented", "ObjectOwnership", ownership)
	default:
		return s3.MalformedXML(fmt.Errorf("the ownership %q", ownership))
	}
	return x.changeSetting(http.StatusOK, func(b *state.Bucket) { b.NoOwnership = false })
}

// deleteOwnershipControls changes what is shown alone: ACLs stay off.
func deleteOwnershipControls(x *exchange) error {
	return x.changeSetting(http.StatusNoContent, func(b *state.Bucket) { b.NoOwnership = true })
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

const (
	transitionSizeHeader = "x-amz-transition-default-minimum-object-size"
	usualTransitionSize  = "all_storage_classes_128K"
)

// transitionSize is the smallest object that a lifecycle moves, by the request's header: one of two words. No rule
// moves any here.
func (x *exchange) transitionSize() (string, error) {
	if x.Operation != policy.PutBucketLifecycleConfiguration || x.Facts.Kind != policy.General {
		return "", nil
	}
	switch size := x.grant.Value(transitionSizeHeader); size {
	case "", usualTransitionSize:
		return "", nil
	case "varies_by_storage_class":
		return size, nil
	default:
		return "", s3.InvalidArgument(transitionSizeHeader, size, "Invalid TransitionDefaultMinimumObjectSize found: "+size)
	}
}

// recordTransitionSize keeps it with a lifecycle that the store has accepted, and shows it with what there is.
func (x *exchange) recordTransitionSize(size string) error {
	if x.Facts.Kind != policy.General {
		return nil
	}
	switch x.Operation {
	case policy.GetBucketLifecycleConfiguration:
		record, err := x.setting()
		if err != nil {
			return err
		}
		size = record.TransitionSize
	case policy.PutBucketLifecycleConfiguration, policy.DeleteBucketLifecycle:
		record, err := x.setting()
		if err != nil {
			return err
		}
		if record.TransitionSize != size {
			if err := x.changeSetting(http.StatusOK, func(b *state.Bucket) { b.TransitionSize = size }); err != nil {
				return err
			}
		}
		if x.Operation == policy.DeleteBucketLifecycle {
			return nil
		}
	default:
		return nil
	}
	if size == "" {
		size = usualTransitionSize
	}
	x.show(transitionSizeHeader, size)
	return nil
}
