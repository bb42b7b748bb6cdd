package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

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
