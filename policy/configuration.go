package policy

import (
	"bytes"
	"encoding/xml"
	"strings"

	"sealfront/policy/xmldoc"
)

// EncryptionRule is what the body of PutBucketEncryption asks for.
type EncryptionRule struct {
	Algorithm   string // AES256, aws:kms or aws:kms:dsse
	KeyID       string // as given; "" when absent
	BucketKey   bool
	NoBucketKey bool // BucketKeyEnabled is false, not absent
	Blocks      bool // BlockedEncryptionTypes is there, and says
	BlocksNone  bool // NONE: SSE-C shall be possible
}

// ParseEncryptionConfiguration reads the body of PutBucketEncryption. What isn't exactly one rule of the
// published schema is MalformedXML (row PBE-19).
func ParseEncryptionConfiguration(body []byte) (EncryptionRule, *Refusal) {
	var doc struct {
		XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
		Rules   []struct {
			Defaults  []defaultXML `xml:"ApplyServerSideEncryptionByDefault"`
			BucketKey []string     `xml:"BucketKeyEnabled"`
			Blocked   []struct {
				Types   []string   `xml:"EncryptionType"`
				Unknown []strayXML `xml:",any"`
			} `xml:"BlockedEncryptionTypes"`
			Unknown []strayXML `xml:",any"`
		} `xml:"Rule"`
		Unknown []strayXML `xml:",any"`
	}
	if !decodeXML(body, &doc) || len(doc.Rules) != 1 || len(doc.Unknown) != 0 {
		return EncryptionRule{}, malformedXML("PBE-19")
	}
	rule := doc.Rules[0]
	if len(rule.Defaults)+len(rule.Blocked) == 0 || len(rule.Defaults) > 1 || len(rule.Blocked) > 1 ||
		len(rule.Unknown) != 0 || len(rule.BucketKey) > 1 {
		return EncryptionRule{}, malformedXML("PBE-19")
	}
	parsed := EncryptionRule{Algorithm: "AES256"} // of a rule that only blocks
	for _, blocked := range rule.Blocked {
		if len(blocked.Types) != 1 || len(blocked.Unknown) != 0 {
			return EncryptionRule{}, malformedXML("PBE-19")
		}
		switch strings.TrimSpace(blocked.Types[0]) {
		case "NONE":
			parsed.BlocksNone = true
		case "SSE-C":
		default:
			return EncryptionRule{}, malformedXML("PBE-19")
		}
		parsed.Blocks = true
	}
	if refusal := parsed.readDefault(rule.Defaults); refusal != nil {
		return EncryptionRule{}, refusal
	}
	if len(rule.BucketKey) == 1 {
		switch strings.TrimSpace(rule.BucketKey[0]) {
		case "true", "1":
			parsed.BucketKey = true
		case "false", "0":
			parsed.NoBucketKey = true
		default:
			return EncryptionRule{}, malformedXML("PBE-19")
		}
	}
	return parsed, nil
}

// defaultXML is the element ApplyServerSideEncryptionByDefault.
type defaultXML struct {
	Algorithm []string   `xml:"SSEAlgorithm"`
	KeyID     []string   `xml:"KMSMasterKeyID"`
	Unknown   []strayXML `xml:",any"`
}

// readDefault takes over what a rule says of the default encryption; it may say nothing.
func (r *EncryptionRule) readDefault(list []defaultXML) *Refusal {
	for _, byDefault := range list {
		if len(byDefault.Algorithm) != 1 || len(byDefault.KeyID) > 1 || len(byDefault.Unknown) != 0 {
			return malformedXML("PBE-19")
		}
		switch r.Algorithm = strings.TrimSpace(byDefault.Algorithm[0]); r.Algorithm {
		case "AES256", "aws:kms", "aws:kms:dsse":
		default:
			return malformedXML("PBE-19")
		}
		if len(byDefault.KeyID) == 1 {
			r.KeyID = strings.TrimSpace(byDefault.KeyID[0])
		}
	}
	return nil
}

// BucketConfiguration is what the body of CreateBucket asks for.
type BucketConfiguration struct {
	LocalZone bool // Location type LocalZone
	Tags      Tags // nil: none
}

type tagXML struct {
	Key     []string   `xml:"Key"`
	Value   []string   `xml:"Value"`
	Unknown []strayXML `xml:",any"`
}

const tagTwiceText = "Cannot provide multiple Tags with the same key"

// readTags checks the tags of a bucket.
func readTags(list []tagXML) (Tags, *Refusal) {
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) > maxTags {
		return nil, tooManyTags()
	}
	tags, seen := make(Tags, 0, len(list)), make(map[string]bool, len(list))
	for _, t := range list {
		if len(t.Key) != 1 || len(t.Value) > 1 || len(t.Unknown) != 0 {
			return nil, malformedXML("6.9")
		}
		key, value := t.Key[0], ""
		if len(t.Value) == 1 {
			value = t.Value[0]
		}
		switch {
		case key == "" || !isTagText(key, maxTagKey), isSystemTag(key):
			return nil, refuse("6.9", codeInvalidTag, "The TagKey you have provided is invalid", "TagKey", key)
		case !isTagText(value, maxTagValue):
			return nil, refuse("6.9", codeInvalidTag, "The TagValue you have provided is invalid", "TagKey", key,
				"TagValue", value)
		case seen[key]:
			return nil, refuse("6.9", codeInvalidTag, tagTwiceText, "TagKey", key)
		}
		seen[key] = true
		tags = append(tags, Tag{Key: key, Value: value})
	}
	return tags, nil
}

// ParseBucketTagging reads the body of PutBucketTagging.
func ParseBucketTagging(body []byte) (Tags, *Refusal) {
	var doc struct {
		XMLName xml.Name `xml:"Tagging"`
		TagSet  *struct {
			Tag     []tagXML   `xml:"Tag"`
			Unknown []strayXML `xml:",any"`
		} `xml:"TagSet"`
		Unknown []strayXML `xml:",any"`
	}
	if !decodeXML(body, &doc) || len(doc.Unknown) != 0 || doc.TagSet == nil || len(doc.TagSet.Unknown) != 0 {
		return nil, malformedXML("6.9")
	}
	return readTags(doc.TagSet.Tag)
}

// ParseCreateBucketConfiguration reads the body of CreateBucket for the bucket with this name, section 6.9.
// Directory buckets need a body whose Location names the zone in the bucket's name; general purpose
// buckets may have none, or a LocationConstraint equal to region.
func ParseCreateBucketConfiguration(body []byte, name BucketName, region string) (BucketConfiguration, *Refusal) {
	var doc struct {
		XMLName  xml.Name `xml:"CreateBucketConfiguration"`
		Location *struct {
			Name    string     `xml:"Name"`
			Type    string     `xml:"Type"`
			Unknown []strayXML `xml:",any"`
		} `xml:"Location"`
		Bucket *struct {
			DataRedundancy string     `xml:"DataRedundancy"`
			Type           string     `xml:"Type"`
			Unknown        []strayXML `xml:",any"`
		} `xml:"Bucket"`
		Constraint *string `xml:"LocationConstraint"`
		Tags       struct {
			Tag     []tagXML   `xml:"Tag"`
			Unknown []strayXML `xml:",any"`
		} `xml:"Tags"`
		Unknown []strayXML `xml:",any"`
	}
	empty := len(bytes.TrimSpace(body)) == 0
	if !empty && (!decodeXML(body, &doc) || len(doc.Unknown)+len(doc.Tags.Unknown) != 0 ||
		doc.Location != nil && len(doc.Location.Unknown) != 0 || doc.Bucket != nil && len(doc.Bucket.Unknown) != 0) {
		return BucketConfiguration{}, malformedXML("6.9")
	}
	tags, refusal := readTags(doc.Tags.Tag)
	if refusal != nil {
		return BucketConfiguration{}, refusal
	}
	if name.Kind == General {
		switch {
		case doc.Bucket != nil || doc.Location != nil:
			return BucketConfiguration{},
				refuse("6.9", codeInvalidBucketName,
					"The name of a directory bucket must have the form base-name--zone-id--x-s3.",
					"BucketName", name.Base)
		case doc.Constraint != nil && *doc.Constraint != "" && *doc.Constraint != region:
			return BucketConfiguration{},
				refuse("6.9", codeInvalidLocation, "The specified location-constraint is not valid",
					"LocationConstraint", *doc.Constraint)
		}
		return BucketConfiguration{Tags: tags}, nil
	}
	full := name.Base + "--" + name.Zone + directorySuffix
	if empty || doc.Location == nil || doc.Bucket == nil || doc.Constraint != nil || doc.Bucket.Type != "Directory" {
		return BucketConfiguration{}, invalidRequest(
			"6.9", "A directory bucket needs a CreateBucketConfiguration with Location and Bucket.")
	}
	if doc.Location.Name != name.Zone {
		return BucketConfiguration{}, refuse("6.9", codeInvalidBucketName,
			"The zone in the bucket name must be the zone of the location.", "BucketName", full)
	}
	redundancy := doc.Bucket.DataRedundancy
	switch doc.Location.Type {
	case "AvailabilityZone", "":
		if redundancy == "SingleAvailabilityZone" || redundancy == "" {
			return BucketConfiguration{Tags: tags}, nil
		}
	case "LocalZone":
		if redundancy == "SingleLocalZone" || redundancy == "" {
			return BucketConfiguration{LocalZone: true, Tags: tags}, nil
		}
	}
	return BucketConfiguration{}, malformedXML("6.9")
}

// strayXML stands for an element whose contents don't matter.
type strayXML struct {
	XMLName xml.Name
}

// decodeXML reads one whole document, with nothing but white space and comments after it.
func decodeXML(body []byte, doc any) bool { return xmldoc.UnmarshalWhole(body, doc) == nil }
