package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// getOwnershipControls: ACLs are disabled, as in every bucket that Amazon S3 creates now.
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
	case "BucketOwnerPreferred", "ObjectWriter": // ACLs would take effect
		return s3.Refuse("NotImplemented", "The document has a value that is not implemented", "ObjectOwnership", ownership)
	default:
		return s3.MalformedXML(fmt.Errorf("the ownership %q", ownership))
	}
	return x.changeSetting(http.StatusOK, func(b *state.Bucket) { b.NoOwnership = false })
}

// deleteOwnershipControls changes only what is shown: ACLs stay disabled.
func deleteOwnershipControls(x *exchange) error {
	return x.changeSetting(http.StatusNoContent, func(b *state.Bucket) { b.NoOwnership = true })
}
