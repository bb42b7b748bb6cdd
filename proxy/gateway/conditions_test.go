package gateway

import (
	"strings"
	"testing"
	"time"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/objects"
)

// A conditionPlace is somewhere that a permission is asked for. ask carries the request as far as that, in a gateway
// whose only identity that matters may do everything but what is asked for there.
type conditionPlace struct {
	name     string
	request  testRequest
	resource string // the one that is asked for
	ask      func(x *exchange) error
}

const (
	objectSource = "arn:aws:s3:::kms/source"
	renameBucket = "arn:aws:s3express:us-west-2:123456789012:bucket/sealed--az1--x-s3"
)

var conditionPlaces = []conditionPlace{
	{"GET", testRequest{method: "GET", path: "/kms/source"}, objectSource, (*exchange).decide},
	{
		"GET of a version",
		testRequest{method: "GET", path: "/kms/source", query: "versionId=v"},
		objectSource,
		(*exchange).decide,
	},
	{"HEAD", testRequest{method: "HEAD", path: "/kms/source"}, objectSource, (*exchange).decide},
	{"PutObject", testRequest{method: "PUT", path: "/kms/source"}, objectSource, (*exchange).decide},
	{"copy source", testRequest{
		method: "PUT", path: "/plain/copy",
		header: []string{"x-amz-copy-source: kms/source?versionId=v"},
	}, objectSource, func(x *exchange) error {
		if err := x.decide(); err != nil {
			return err
		}
		_, err := x.copySource()
		return err
	}},
	{"part-copy source", testRequest{
		method: "PUT", path: "/plain/copy", query: "partNumber=1&uploadId=u",
		header: []string{"x-amz-copy-source: kms/source"},
	}, objectSource, func(x *exchange) error {
		if err := x.decide(); err != nil {
			return err
		}
		_, err := x.copySource()
		return err
	}},
	{"the key of a source", testRequest{
		method: "PUT", path: "/plain/copy",
		header: []string{"x-amz-copy-source: kms/source"},
	}, keyTwo, func(x *exchange) error {
		if err := x.decide(); err != nil {
			return err
		}
		source, err := x.copySource()
		if err != nil {
			return err
		}
		return x.permitSource(source, keyTwo)
	}},
	{"tags of a source", testRequest{
		method: "PUT", path: "/plain/copy",
		header: []string{"x-amz-copy-source: kms/source"},
	}, objectSource, func(x *exchange) error {
		if err := x.decide(); err != nil {
			return err
		}
		record, err := x.g.o.Buckets.Bucket(x.context, "kms")
		if err != nil {
			return err
		}
		return x.permitTags(&objects.Source{Object: x.at(record, "source"), Tagged: true})
	}},
	{"rename source", testRequest{
		method: "PUT", path: "/sealed--az1--x-s3/renamed", query: "renameObject=",
		header: []string{"x-amz-rename-source: source"},
	}, renameBucket, (*exchange).decide},
	{"DeleteObjects entry", testRequest{
		method: "POST", path: "/kms", query: "delete=",
		header: []string{"content-md5: 1B2M2Y8AsgTpgAmY7PhCfg=="},
	}, objectSource, func(x *exchange) error {
		if err := x.decide(); err != nil {
			return err
		}
		y := x.at(x.Record, "source")
		y.Version = "v"
		return x.permitDeletion(&deletion{Key: "source", VersionId: "v", ETag: "e"}, y)
	}},
}

// A conditionRow says what every place sees for one condition key.
type conditionRow struct {
	header []string // that the client sends
	query  string
	value  string            // everywhere, but for
	at     map[string]string // "": none
	// refused says that no request with such a header is carried out, so that there is never a value.
	refused bool
}

// everywhere is at, for the places with this prefix of their name or these names.
func except(value string, places ...string) map[string]string {
	at := make(map[string]string)
	for _, name := range places {
		at[name] = value
	}
	return at
}

func conditionRows(now time.Time) map[string]conditionRow {
	rows := map[string]conditionRow{
		"aws:CurrentTime":      {value: now.UTC().Format(time.RFC3339)},
		"aws:EpochTime":        {value: "1798000000"},
		"aws:PrincipalAccount": {value: testAccount},
		"aws:PrincipalArn":     {value: "arn:aws:iam::123456789012:user/all"},
		"aws:PrincipalType":    {value: "User"},
		"aws:Referer":          {header: []string{"Referer: http://example.com/"}, value: "http://example.com/"},
		"aws:RequestedRegion":  {value: "us-west-2"},
		"aws:RequestTag/":      {}, // set by documents of CreateBucket, PutBucketTagging and TagResource alone
		"aws:TagKeys":          {},
		"aws:SecureTransport":  {value: "true"},
		"aws:SourceIp":         {header: []string{"X-Forwarded-For: 10.0.0.1, 192.0.2.7"}, value: "192.0.2.7"},
		"aws:UserAgent":        {header: []string{"User-Agent: agent/1"}, value: "agent/1"},
		"aws:username":         {value: "all"},
		"aws:userid":           {value: "AIDAJN5T3B5HIQ2Q4FQMC"},
		// of a role's session
		"aws:FederatedProvider": {},
		"aws:PrincipalTag/":     {},
		"aws:TokenIssueTime":    {},

		"s3:delimiter":     {query: "delimiter=%2F", value: "/"},
		"s3:max-keys":      {query: "max-keys=7", value: "7"},
		"s3:prefix":        {query: "prefix=a", value: "a"},
		"s3:if-match":      {header: []string{`if-match: "e"`}, value: `"e"`},
		"s3:if-none-match": {header: []string{"if-none-match: *"}, value: "*"},
		"s3:object-lock-mode": {header: []string{
			"x-amz-object-lock-mode: GOVERNANCE",
			"x-amz-object-lock-retain-until-date: 2030-01-01T00:00:00Z",
		}, value: "GOVERNANCE"},
		"s3:VersionId": {
			value: "v",
			at: except("", "GET", "HEAD", "PutObject", "part-copy source", "tags of a source", "the key of a source",
				"rename source"),
		},
		"s3:x-amz-acl": {header: []string{"x-amz-acl: private"}, value: "private"},
		// but for CreateBucket
		"s3:x-amz-bucket-namespace":   {header: []string{"x-amz-bucket-namespace: global"}, refused: true},
		"s3:x-amz-metadata-directive": {header: []string{"x-amz-metadata-directive: COPY"}, value: "COPY"},
		"s3:x-amz-object-ownership": {
			header: []string{"x-amz-object-ownership: BucketOwnerEnforced"},
			value:  "BucketOwnerEnforced",
		},
		"s3:x-amz-storage-class": {
			header: []string{"x-amz-storage-class: ONEZONE_IA"},
			value:  "ONEZONE_IA",
		},
		"s3:x-amz-website-redirect-location": {header: []string{"x-amz-website-redirect-location: /a"}, value: "/a"},
		"s3:x-amz-copy-source": {
			value: "kms/source", at: map[string]string{
				"GET": "", "GET of a version": "", "HEAD": "", "PutObject": "", "rename source": "",
				"DeleteObjects entry": "", "copy source": "kms/source?versionId=v",
			},
		},
		"s3express:LocationName": {at: map[string]string{"rename source": "az1"}},
		"s3express:SessionMode":  {at: map[string]string{"rename source": "ReadWrite"}},
	}
	for _, key := range []string{"full-control", "read", "read-acp", "write", "write-acp"} {
		rows["s3:x-amz-grant-"+key] = conditionRow{header: []string{"x-amz-grant-" + key + ": id=1"}, refused: true}
	}
	rows["s3:x-amz-server-side-encryption-customer-algorithm"] = conditionRow{
		header: []string{"x-amz-server-side-encryption-customer-algorithm: AES256"}, refused: true,
	}
	for _, key := range []string{"aws:ResourceTag/", "s3:BucketTag/", "s3express:BucketTag/"} {
		rows[key] = conditionRow{value: "red"}
	}
	rows["aws:ResourceAccount"] = conditionRow{value: testAccount}
	for _, service := range []string{"s3:", "s3express:"} {
		rows[service+"ResourceAccount"] = conditionRow{value: testAccount}
		rows[service+"authType"] = conditionRow{value: "REST-HEADER"}
		rows[service+"signatureAge"] = conditionRow{value: "5000"}
		rows[service+"signatureversion"] = conditionRow{value: "AWS4-HMAC-SHA256"}
		rows[service+"TlsVersion"] = conditionRow{} // TLS ends in front of this gateway
		rows[service+"x-amz-content-sha256"] = conditionRow{value: "UNSIGNED-PAYLOAD"}
		rows[service+"x-amz-server-side-encryption"] = conditionRow{
			header: []string{"x-amz-server-side-encryption: AES256"}, value: "AES256",
		}
		// The key of what the place is about: reads don't know it yet, and deletions never do.
		rows[service+"x-amz-server-side-encryption-aws-kms-key-id"] = conditionRow{
			at: map[string]string{"PutObject": keyOne, "the key of a source": keyTwo},
		}
	}
	return rows
}

// Every condition key has the same value wherever a request asks for a permission, or the right one of what is asked
// for there. A key that policies may ask for and that is not in this table fails.
func TestEveryConditionSeesTheSameRequest(t *testing.T) {
	now := time.Unix(1_798_000_000, 0)
	g := testGateway(t, func(o *Options) { o.Now = func() time.Time { return now } })
	rows := conditionRows(now)
	// permitted reports whether the place is permitted under this condition, or that the client's request isn't one
	// there.
	permitted := func(p *conditionPlace, row *conditionRow, operator, key, value string) (allowed bool,
		refused string,
	) {
		allow := func(resource string) policy.Statement {
			return policy.Statement{Effect: "Allow", Action: []string{"*"}, Resource: []string{resource}}
		}
		asked := allow(p.resource)
		asked.Condition = map[string]map[string][]string{operator: {key: {value}}}
		statements := []policy.Statement{
			asked, allow("arn:aws:s3:::plain/copy"), allow("arn:aws:s3:::kms/other"),
			allow(keyOne),
		}
		if p.resource != objectSource {
			statements = append(statements, allow(objectSource))
		}
		compiled, err := policy.Compile(statements)
		if err != nil {
			t.Fatal(key, err)
		}
		ids, err := access.NewIdentities([]*access.Identity{{
			Name: "all", AccessKeyID: "all", SecretAccessKey: "secret",
			ARN: "arn:aws:iam::" + testAccount + ":user/all", Policy: compiled,
		}})
		if err != nil {
			t.Fatal(key, err)
		}
		g.Access().SetIdentities(ids)
		r := p.request
		r.who, r.signed = "all", now.Add(-5*time.Second)
		r.header = append(append([]string(nil), r.header...), row.header...)
		if row.query != "" {
			r.query = strings.TrimPrefix(r.query+"&"+row.query, "&")
		}
		x := r.exchange(t, g)
		defer x.finish("", nil)
		switch err := p.ask(x); {
		case err == nil:
			return true, ""
		case objects.Translate(err).Code == "AccessDenied":
			return false, ""
		default:
			return false, objects.Translate(err).Error()
		}
	}
	for name := range policy.ConditionKeys {
		row, known := rows[name]
		if !known {
			t.Errorf("the condition key %s has no row", name)
			continue
		}
		delete(rows, name)
		key, applicable := name, 0
		if strings.HasSuffix(key, "/") {
			key += "Team"
		}
		for i := range conditionPlaces {
			p := &conditionPlaces[i]
			value, other := row.value, false
			if v, ok := row.at[p.name]; ok {
				value, other = v, true
			}
			holds, fails := [2]string{"StringEquals", value}, [2]string{"StringNotEquals", value}
			if value == "" {
				holds, fails = [2]string{"Null", "true"}, [2]string{"Null", "false"}
			}
			allowed, refused := permitted(p, &row, holds[0], key, holds[1])
			if row.refused && !allowed {
				continue // SSE-C is AccessDenied whatever the policy says
			}
			if refused != "" {
				if other {
					t.Errorf("%s at %s: %s", key, p.name, refused)
				}
				continue // the client can't send it there
			}
			applicable++
			denied, _ := permitted(p, &row, fails[0], key, fails[1])
			if !allowed || denied {
				t.Errorf("%s at %s isn't %q: with %v %t, with %v %t", key, p.name, value, holds, allowed, fails, denied)
			}
		}
		if (applicable == 0) != row.refused || !row.refused && applicable < 2 {
			t.Errorf("%s: %d places have requests with it", key, applicable)
		}
	}
	for name := range rows {
		t.Errorf("%s is no condition key", name)
	}
}
