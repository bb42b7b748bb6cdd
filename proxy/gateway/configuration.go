package gateway

import (
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// A storeConfiguration is a configuration of a bucket or an object that the store holds and acts on, so the store sees
// its content. Its documents are rebuilt in both directions.
type storeConfiguration struct {
	grammar s3.Grammar
	query   string // the flag that selects it
	status  int    // of a success; 200 for reads
	// The answer to a read when the store has no configuration or doesn't support it: an error code, or the empty
	// document.
	absent  string
	inspect func(x *exchange, document []byte) ([]byte, error) // checks and changes a client's document; may be nil
	show    func(document []byte) []byte                       // changes the store's document; may be nil
}

var (
	tagSet     = s3.Grammar{Root: "Tagging", Paths: []string{"TagSet/Tag/Key", "TagSet/Tag/Value"}}
	versioning = s3.Grammar{Root: "VersioningConfiguration", Paths: []string{"Status"}, Unsupported: []string{"MfaDelete"}}
	objectLock = s3.Grammar{Root: "ObjectLockConfiguration", Unsupported: []string{"DefaultEventHold"}, Paths: []string{
		"ObjectLockEnabled", "Rule/DefaultRetention/Mode", "Rule/DefaultRetention/Days", "Rule/DefaultRetention/Years",
	}}
	retention = s3.Grammar{
		Root: "Retention", Alias: "ObjectLockRetention", Unsupported: []string{"EventHold", "EventHoldDuration"},
		Paths: []string{"Mode", "RetainUntilDate"},
	}
	legalHold = s3.Grammar{
		Root: "LegalHold", Alias: "ObjectLockLegalHold", Unsupported: []string{"EventHold"}, Paths: []string{"Status"},
	}
	// No transitions: an object in an archive can't be read, and there is no RestoreObject.
	lifecycle = s3.Grammar{
		Root: "LifecycleConfiguration", Unsupported: []string{"Transition", "NoncurrentVersionTransition"},
		Paths: []string{
			"Rule/ID", "Rule/Status", "Rule/Prefix", "Rule/Filter/Prefix", "Rule/Filter/Tag/Key", "Rule/Filter/Tag/Value",
			"Rule/Filter/ObjectSizeGreaterThan", "Rule/Filter/ObjectSizeLessThan", "Rule/Filter/And/Prefix",
			"Rule/Filter/And/Tag/Key",
			"Rule/Filter/And/Tag/Value", "Rule/Filter/And/ObjectSizeGreaterThan", "Rule/Filter/And/ObjectSizeLessThan",
			"Rule/Expiration/Days", "Rule/Expiration/Date", "Rule/Expiration/ExpiredObjectDeleteMarker",
			"Rule/NoncurrentVersionExpiration/NoncurrentDays", "Rule/NoncurrentVersionExpiration/NewerNoncurrentVersions",
			"Rule/AbortIncompleteMultipartUpload/DaysAfterInitiation",
		},
	}
)

// storeConfigurations has a row an operation.
var storeConfigurations = map[policy.Operation]storeConfiguration{
	policy.GetBucketVersioning: {grammar: versioning, query: "versioning"},
	policy.PutBucketVersioning: {grammar: versioning, query: "versioning", status: 200, inspect: checkVersioning},

	policy.GetObjectTagging:    {grammar: tagSet, query: "tagging"},
	policy.PutObjectTagging:    {grammar: tagSet, query: "tagging", status: 200},
	policy.DeleteObjectTagging: {query: "tagging", status: 204},

	policy.GetObjectLockConfiguration: {
		grammar: objectLock, query: "object-lock", absent: "ObjectLockConfigurationNotFoundError",
	},
	policy.PutObjectLockConfiguration: {grammar: objectLock, query: "object-lock", status: 200},
	policy.GetObjectRetention:         {grammar: retention, query: "retention", absent: "NoSuchObjectLockConfiguration"},
	policy.PutObjectRetention:         {grammar: retention, query: "retention", status: 200},
	policy.GetObjectLegalHold:         {grammar: legalHold, query: "legal-hold", absent: "NoSuchObjectLockConfiguration"},
	policy.PutObjectLegalHold:         {grammar: legalHold, query: "legal-hold", status: 200},

	policy.GetBucketLifecycleConfiguration: {
		grammar: lifecycle, query: "lifecycle", absent: "NoSuchLifecycleConfiguration", show: plainSizes,
	},
	policy.PutBucketLifecycleConfiguration: {grammar: lifecycle, query: "lifecycle", status: 200, inspect: storedSizes},
	policy.DeleteBucketLifecycle:           {query: "lifecycle", status: 204},
}

// storeErrors are the store's refusals that concern the client, with their messages. objects.StoreError translates any
// other.
var storeErrors = map[string]string{
	"BadRequest":             "Object tags cannot be greater than 10",
	"InvalidTag":             objects.InvalidTagText,
	"InvalidArgument":        "The store behind this service refuses a value of the document.",
	"InvalidRequest":         "The store behind this service refuses the request.",
	"InvalidBucketState":     "The request is not valid with the current state of the bucket.",
	"InvalidRetentionPeriod": "The retention period is not valid.",
	"MalformedXML": "The XML you provided was not well-formed or did not validate against our " +
		"published schema",
	"NoSuchLifecycleConfiguration":         "The lifecycle configuration does not exist",
	"NoSuchObjectLockConfiguration":        "The specified object does not have a ObjectLock configuration",
	"ObjectLockConfigurationNotFoundError": "Object Lock configuration does not exist for this bucket",
}

// passConfiguration carries out the operations of storeConfigurations: one request to the store.
func passConfiguration(x *exchange) error {
	k := storeConfigurations[x.Operation]
	r := x.NewRequest(x.Operation.String(), string(x.grant.Message.Method))
	r.Query = store.AppendQuery(r.Query, k.query, "")
	if r.Method == http.MethodPut {
		document, err := x.readDocument(objects.MaxDocument)
		if err != nil {
			return err
		}
		if r.Bytes, err = k.grammar.Rewrite(document, true); err != nil {
			if errors.Is(err, s3.ErrUnsupported) {
				return s3.Refuse("NotImplemented", "The document has an element that is not implemented", "QueryParameter",
					k.query).Because(err)
			}
			return s3.MalformedXML(err)
		}
		if k.inspect != nil {
			if r.Bytes, err = k.inspect(x, r.Bytes); err != nil {
				return err
			}
		}
		sum := md5.Sum(r.Bytes)
		r.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
		r.Set("Content-Type", "application/xml")
		x.setBypass(r)
	}
	size, err := x.transitionSize()
	if err != nil {
		return err
	}
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if x.Operation == policy.PutObjectTagging && x.Objects.OutOfTagRoom(f, len(r.Bytes)) {
			return objects.NoRoomForTags(f)
		}
		return x.configurationFault(&k, f, a)
	}
	x.showVersion(a)
	if err := x.recordTransitionSize(size); err != nil {
		return err
	}
	if k.status != 0 {
		x.ctx.Response.SetStatusCode(k.status)
		return nil
	}
	body, err := a.Bytes(objects.MaxDocument)
	if err != nil {
		return s3.Unavailable(err)
	}
	document, err := k.grammar.Rewrite(body, false)
	if err != nil {
		return s3.Internal(err)
	}
	if k.show != nil {
		document = k.show(document)
	}
	return x.answerDocument(document)
}

// configurationFault translates the store's refusal. A store that doesn't support the configuration has none: a read
// reports that, a write returns 501.
func (x *exchange) configurationFault(k *storeConfiguration, f *store.Fault, a *store.Answer) error {
	unknown := f.Status == http.StatusNotImplemented || f.Status == http.StatusMethodNotAllowed && x.Version == "" ||
		f.Code == "NotImplemented"
	text, listed := storeErrors[f.Code]
	reads := k.status == 0
	switch {
	case unknown && reads && k.absent != "":
		return s3.Refuse(k.absent, storeErrors[k.absent], x.errorElements()...).Because(f)
	case unknown && reads:
		return x.answerDocument([]byte("<" + k.grammar.Root + ` xmlns="` + s3.Namespace + `"></` + k.grammar.Root + ">"))
	case unknown:
		return s3.Refuse("NotImplemented", "A header you provided implies functionality that is not implemented",
			"QueryParameter", k.query).Because(f)
	case reads && k.absent != "" && f.Code == "InvalidRequest" && x.Operation.OnObject():
		return s3.Refuse("InvalidRequest", "Bucket is missing Object Lock Configuration").Because(f)
	case f.Code == "InvalidArgument" && x.Version != "":
	case listed:
		return s3.Refuse(f.Code, text, x.errorElements()...).Because(f)
	case objects.Locked(f) && x.Operation.OnObject():
		return objects.LockedError(f)
	}
	if x.Key == "" {
		return objects.StoreError(f, x.Bucket, "")
	}
	return x.VersionFault(f, a)
}

// errorElements are the elements of an error about the bucket or the object.
func (x *exchange) errorElements() []string {
	if x.Key == "" {
		return []string{"BucketName", x.Bucket}
	}
	return []string{"Key", x.Key}
}

// checkVersioning refuses an unknown status, which stores would treat differently.
func checkVersioning(_ *exchange, document []byte) ([]byte, error) {
	var configuration struct{ Status string }
	if err := xmldoc.Unmarshal(document, &configuration); err != nil {
		return nil, s3.MalformedXML(err)
	}
	switch configuration.Status {
	case "Enabled", "Suspended":
		return document, nil
	case "":
	default:
		return nil, s3.MalformedXML(fmt.Errorf("the status is %q", configuration.Status))
	}
	return nil, s3.Refuse("IllegalVersioningConfigurationException", "The Versioning element must be specified")
}

// Sizes in a lifecycle's filters are of plaintext for the client and of sealed objects for the store. Stored sizes grow
// with those of the plaintext, so a rule covers the same objects on both sides.
func storedSizes(_ *exchange, document []byte) ([]byte, error) {
	failed := false
	document = mapSizes(document, func(n int64) int64 {
		if n > crypto.MaxObject {
			failed = true
			return n
		}
		return crypto.StoredLength(n)
	}, &failed)
	if failed {
		return nil, s3.MalformedXML(errors.New("a size that isn't a number of bytes"))
	}
	return document, nil
}

func plainSizes(document []byte) []byte {
	return mapSizes(document, objects.ListedSize, new(bool))
}

// mapSizes changes the sizes in a document of ours.
func mapSizes(document []byte, change func(int64) int64, failed *bool) []byte {
	text := string(document)
	for _, name := range [...]string{"ObjectSizeGreaterThan", "ObjectSizeLessThan"} {
		var out strings.Builder
		for {
			before, rest, found := strings.Cut(text, "<"+name+">")
			out.WriteString(before)
			if !found {
				break
			}
			value, after, _ := strings.Cut(rest, "</"+name+">")
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil || n < 0 {
				*failed = true
			} else {
				value = strconv.FormatInt(change(n), 10)
			}
			out.WriteString("<" + name + ">" + value + "</" + name + ">")
			text = after
		}
		text = out.String()
	}
	return []byte(text)
}
