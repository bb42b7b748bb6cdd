package policy

import "net/url"

// maxObjectTags is how many tags an object may have; names and values are bounded as those of a bucket.
const maxObjectTags = 10

// checkTags holds what x-amz-tagging may say: up to ten tags, query-encoded.
func checkTags(value string) *Refusal {
	if value == "" {
		return nil
	}
	tags, err := url.ParseQuery(value)
	if err != nil {
		return invalidTags("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query " +
			"parameters without tag name duplicates.")
	}
	if len(tags) > maxObjectTags {
		return refuse("1.7", codeBadRequest, "Object tags cannot be greater than 10")
	}
	for name, values := range tags {
		switch {
		case len(values) > 1 || name == "":
			return invalidTags("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query " +
				"parameters without tag name duplicates.")
		case !isTagText(name, maxTagKey):
			return refuse("1.7", codeInvalidTag, "The TagKey you have provided is invalid", "TagKey", name)
		case !isTagText(values[0], maxTagValue):
			return refuse("1.7", codeInvalidTag, "The TagValue you have provided is invalid", "TagKey", name,
				"TagValue", values[0])
		}
	}
	return nil
}

func invalidTags(text string) *Refusal {
	return refuse("1.7", codeInvalidArgument, text, "ArgumentName", headerNames[hTagging])
}
