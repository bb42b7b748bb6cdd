package policy_test

import (
	"cmp"
	"reflect"
	"strings"
	"testing"

	"sealfront/policy"
)

// keyFacts are the answers of KMS that testdata/bucketencryption.txt names.
func keyFacts(word string) *policy.KeyFacts {
	f := policy.KeyFacts{
		ARN: keyOther, State: "Enabled", Manager: "CUSTOMER", Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT",
	}
	switch word {
	case "-":
		return nil
	case "K":
		f.ARN = keyK
	case "other":
	case "elsewhere":
		f.ARN = keyForeign
	case "managed":
		f.Manager = "AWS"
	case "rsa":
		f.Spec = "RSA_2048"
	case "hmac":
		f.Spec, f.Usage = "HMAC_256", "GENERATE_VERIFY_MAC"
	case "disabled":
		f.State = "Disabled"
	case "pending":
		f.State = "PendingDeletion"
	case "importing":
		f.State = "PendingImport"
	case "unknown":
		f = policy.KeyFacts{Error: "NotFoundException"}
	case "forbidden":
		f = policy.KeyFacts{Error: "AccessDeniedException"}
	case "refused":
		f = policy.KeyFacts{ARN: keyK, Error: "DisabledException"}
	case "denied":
		f.ARN, f.Denied = keyK, true
	default:
		panic("unknown facts " + word)
	}
	return &f
}

// document writes a rule of the table as a client would send it.
func document(rule string) string {
	fields := strings.Fields(rule)
	byDefault, rest := "<SSEAlgorithm>"+fields[0]+"</SSEAlgorithm>", ""
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		if word, ok := words[value]; ok {
			value = word
		}
		switch name {
		case "key":
			byDefault += "<KMSMasterKeyID>" + value + "</KMSMasterKeyID>"
		case "bk":
			rest += "<BucketKeyEnabled>" + value + "</BucketKeyEnabled>"
		case "blocked":
			rest += "<BlockedEncryptionTypes><EncryptionType>" + cmp.Or(value, "SSE-C") +
				"</EncryptionType></BlockedEncryptionTypes>"
		}
	}
	return `<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>` +
		`<ApplyServerSideEncryptionByDefault>` +
		byDefault + `</ApplyServerSideEncryptionByDefault>` + rest + `</Rule></ServerSideEncryptionConfiguration>`
}

func TestBucketEncryptionRows(t *testing.T) {
	_, rows := table(t, "bucketencryption.txt")
	for _, row := range rows {
		id, state, body, facts, want, wantState := row[0], row[1], row[2], row[3], row[4], row[5]
		t.Run(strings.Join(row[:4], " "), func(t *testing.T) {
			b, o := bucket(state), &policy.Options{}
			rule, refusal := policy.ParseEncryptionConfiguration([]byte(document(body)))
			after, decided := *b, ""
			asked := ""
			if refusal == nil {
				asked, refusal = policy.KeyToDescribe(b, rule, o)
			}
			if (asked != "") != (facts != "-") {
				t.Fatalf("KMS was to be asked about %q (%v)", asked, refusal)
			}
			if refusal == nil {
				after, decided, refusal = policy.DecideBucketEncryption(b, rule, keyFacts(facts), o)
			}
			got := "ok"
			if refusal != nil {
				got, decided = written(t, refusal), refusal.Row
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if similar := map[string]string{"PBE-20": "PBE-2", "PBE-13": "PBE-9"}; decided != id &&
				decided != similar[id] && similar[decided] != id {
				t.Errorf("decided by row %s, not %s", decided, id)
			}
			if wantState == "same" {
				wantState = state
			}
			wantBucket := bucket(wantState)
			if !reflect.DeepEqual(after.Default, wantBucket.Default) || after.BoundKey != wantBucket.BoundKey {
				t.Errorf("after it: %+v, want state %s", after, wantState)
			}
			if !reflect.DeepEqual(b, bucket(state)) {
				t.Error("the bucket that was given has changed")
			}
		})
	}
}

// DBE-1, GBE-1 and GBE-2: what is read back, and that a bucket stays bound.
func TestEncryptionIsReadBackAsItWasGiven(t *testing.T) {
	b := bucket("none")
	if got := policy.EncryptionConfiguration(b, &policy.Options{}); got != (policy.EncryptionRule{Algorithm: "AES256"}) {
		t.Errorf("GBE-1: %+v", got)
	}
	rule := policy.EncryptionRule{Algorithm: "aws:kms", KeyID: id}
	after, _, refusal := policy.DecideBucketEncryption(b, rule, keyFacts("K"), &policy.Options{})
	if refusal != nil {
		t.Fatal(refusal)
	}
	if got := policy.EncryptionConfiguration(&after, &policy.Options{}); got != (policy.EncryptionRule{
		Algorithm: "aws:kms", KeyID: id, BucketKey: true,
	}) {
		t.Errorf("GBE-2: an id must stay an id and bucket keys read as on: %+v", got)
	}
	for range 2 {
		after = policy.DecideDeleteBucketEncryption(&after)
		if after.Default.SSE != policy.SSES3 || after.BoundKey != keyK {
			t.Errorf("DBE-1: %+v", after)
		}
	}
}

func TestEncryptionConfigurationsThatBreakTheSchemaAreMalformed(t *testing.T) {
	good := document("aws:kms key=$K bk=true")
	for name, body := range map[string]string{
		"nothing":            "",
		"no XML":             "SSE please",
		"cut short":          good[:len(good)-5],
		"something after it": good + "<x/>",
		"text after it":      good + "x",
		"no rule":            "<ServerSideEncryptionConfiguration/>",
		"another root": strings.ReplaceAll(good, "ServerSideEncryptionConfiguration",
			"CreateBucketConfiguration"),
		"two rules": strings.Replace(good, "</Rule>",
			"</Rule><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>", 1),
		"two defaults": strings.Replace(good, "<Rule>",
			"<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>",
			1),
		"two algorithms": strings.Replace(good, "<SSEAlgorithm>",
			"<SSEAlgorithm>AES256</SSEAlgorithm><SSEAlgorithm>", 1),
		"two keys": strings.Replace(good, "<KMSMasterKeyID>",
			"<KMSMasterKeyID>a</KMSMasterKeyID><KMSMasterKeyID>", 1),
		"no algorithm":       strings.ReplaceAll(good, "SSEAlgorithm", "Algorithm"),
		"an empty algorithm": strings.Replace(good, "aws:kms<", "<", 1),
		"algorithm misspelt": strings.Replace(good, "aws:kms<", "AWS:KMS<", 1),
		"an unknown element": strings.Replace(good, "<Rule>", "<Rule><Surprise/>", 1),
		"neither a default nor a block": `<ServerSideEncryptionConfiguration><Rule><BucketKeyEnabled>` +
			`true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`,
		"another blocked type": blocking("<EncryptionType>SSE-KMS</EncryptionType>"),
		"no blocked type":      blocking(""),
		"two blocked types": blocking(
			"<EncryptionType>NONE</EncryptionType><EncryptionType>SSE-C</EncryptionType>"),
		"an unknown element of a block": blocking("<EncryptionType>NONE</EncryptionType><Surprise/>"),
		"two blocks": strings.Replace(blocking("<EncryptionType>NONE</EncryptionType>"), "<Rule>",
			"<Rule><BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes>", 1),
		"a bucket key of yes": strings.Replace(good, ">true<", ">yes<", 1),
	} {
		t.Run(name, func(t *testing.T) {
			rule, refusal := policy.ParseEncryptionConfiguration([]byte(body))
			if refusal == nil || refusal.Code != "MalformedXML" || refusal.Row != "PBE-19" {
				t.Errorf("got %+v, %v", rule, refusal)
			}
			if rule != (policy.EncryptionRule{}) {
				t.Errorf("a refused document still gave %+v", rule)
			}
		})
	}
}

// blocking is a rule that only blocks.
func blocking(types string) string {
	return "<ServerSideEncryptionConfiguration><Rule><BlockedEncryptionTypes>" + types +
		"</BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>"
}

// PBE-21: general purpose buckets block SSE-C, whether a rule says so or not, and nothing else is possible.
func TestGeneralPurposeBucketsBlockSSEC(t *testing.T) {
	b := &policy.Bucket{
		Name: "plain", ARN: "arn:aws:s3:::plain", Account: account, Region: "us-west-2", Kind: policy.General,
		Default: policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK},
	}
	for body, want := range map[string]string{
		blocking("<EncryptionType>SSE-C</EncryptionType>"): "", document("AES256 blocked"): "", document("AES256"): "",
		blocking("<EncryptionType>NONE</EncryptionType>"): "NotImplemented",
		document("AES256 blocked=NONE"):                   "NotImplemented",
	} {
		rule, refusal := policy.ParseEncryptionConfiguration([]byte(body))
		if refusal != nil {
			t.Fatalf("%s: %v", body, refusal)
		}
		asked, refusal := policy.KeyToDescribe(b, rule, &policy.Options{})
		switch {
		case want != "":
			if refusal == nil || refusal.Code != want || refusal.Row != "PBE-21" {
				t.Errorf("%s: %v, want %s", body, refusal, want)
			}
			continue
		case asked != "" || refusal != nil:
			t.Fatalf("%s: asked for %q, %v", body, asked, refusal)
		}
		if after, _, refusal := policy.DecideBucketEncryption(b, rule, nil, &policy.Options{}); refusal != nil ||
			after.Default.SSE != policy.SSES3 {
			t.Errorf("%s: %+v %v", body, after, refusal)
		}
	}
}

func TestGeneralPurposeBucketsTakeAnyPermittedKey(t *testing.T) {
	b := &policy.Bucket{
		Name: "plain", ARN: "arn:aws:s3:::plain", Account: account, Region: "us-west-2", Kind: policy.General,
		Default: policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK},
	}
	rule := policy.EncryptionRule{Algorithm: "aws:kms", KeyID: "alias/mine", BucketKey: true}
	if asked, refusal := policy.KeyToDescribe(b, rule, &policy.Options{}); refusal != nil || asked != "alias/mine" {
		t.Fatalf("an alias is resolved by KMS: %q, %v", asked, refusal)
	}
	after, _, refusal := policy.DecideBucketEncryption(b, rule, keyFacts("other"), &policy.Options{})
	if refusal != nil || after.Default.KeyARN != keyOther || after.KeyAsGiven != "alias/mine" || !after.Configured ||
		!after.Default.BucketKey || after.BoundKey != "" {
		t.Errorf("GBE-2: another key, as it was named, bucket key on: %+v, %v", after, refusal)
	}
	rule.KeyID = ""
	o := &policy.Options{DefaultKey: keyOther}
	if asked, refusal := policy.KeyToDescribe(b, rule, o); refusal != nil || asked != keyOther {
		t.Fatalf("the default key: %q, %v", asked, refusal)
	}
	if after, _, refusal := policy.DecideBucketEncryption(b, rule, keyFacts("other"), o); refusal != nil ||
		after.Default.KeyARN != keyOther || policy.EncryptionConfiguration(&after, o) != rule {
		t.Errorf("the default key isn't named, as it wasn't given: %+v, %v", after, refusal)
	} else if got := policy.EncryptionConfiguration(&after, &policy.Options{}); got.KeyID != keyOther {
		t.Errorf("a key that was the default is read back by its ARN: %+v", got)
	}
	rule.KeyID = keyForeign
	if _, _, refusal := policy.DecideBucketEncryption(b, rule, keyFacts("elsewhere"),
		&policy.Options{}); refusal == nil || refusal.Code != "AccessDenied" {
		t.Errorf("a key of another account isn't allowed by default: %v", refusal)
	}
	rule.KeyID = ""
	if _, refusal := policy.KeyToDescribe(b, rule, &policy.Options{}); refusal == nil {
		t.Error("without a key and a default key there is nothing to use")
	}
	if asked, refusal := policy.KeyToDescribe(b, rule, &policy.Options{DefaultKey: keyOther}); refusal != nil ||
		asked != keyOther {
		t.Errorf("the default key stands in: %q, %v", asked, refusal)
	}
}

func TestKMSErrorsBecomeS3Errors(t *testing.T) {
	const slow, away, damaged = "SlowDown: Please reduce your request rate for operations involving AWS KMS.",
		"ServiceUnavailable: Service is unable to handle request.",
		"InternalError: We encountered an internal error. Please try again."
	for _, c := range []struct{ row, name, message, want string }{
		{"KE-1", "DisabledException", "", "KMS.DisabledException: " + keyK + " is disabled."},
		{"KE-2", "KMSInvalidStateException", "", "KMS.KMSInvalidStateException: " + keyK + " is pending deletion."},
		{
			"KE-2", "KMSInvalidStateException", keyK + " is pending import.", "KMS.KMSInvalidStateException: " + keyK +
				" is pending import.",
		},
		{"KE-3", "NotFoundException", "", "KMS.NotFoundException: Key '" + keyK + "' does not exist"},
		{
			"KE-4", "InvalidKeyUsageException", "", "KMS.InvalidKeyUsageException: " + keyK +
				" is not a symmetric encryption key.",
		},
		{"KE-5", "AccessDeniedException", "", "AccessDenied: Access Denied"},
		{"KE-6", "ThrottlingException", "", slow},
		{"KE-6", "LimitExceededException", "", slow},
		{"KE-6", "RequestLimitExceeded", "", slow},
		{"KE-6", "TooManyRequestsException", "", slow},
		{"KE-7", "KMSInternalException", "", away},
		{"KE-7", "DependencyTimeoutException", "", away},
		{"KE-7", "KeyUnavailableException", "", away},
		{"KE-7", "", "", away}, // no answer at all
		{"KE-8", "InvalidCiphertextException", "", damaged},
		{"KE-8", "IncorrectKeyException", "", damaged},
		{"KS-2", "DisabledException", "", "KMS.DisabledException: " + keyK + " is disabled."},
		{
			"KS-3", "KMSInvalidStateException", keyK + " is unavailable.", "KMS.KMSInvalidStateException: " + keyK +
				" is unavailable.",
		},
	} {
		t.Run(c.row+" "+c.name+" "+c.message, func(t *testing.T) {
			refusal := policy.RefuseKMS(c.name, keyK, c.message)
			if got := refusal.Error(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if strings.HasPrefix(c.row, "KE-") && refusal.Row != c.row || policy.Why(refusal.Row) == "" {
				t.Errorf("row %s", refusal.Row)
			}
		})
	}
}

// What DescribeKey says of a key decides about it, before any call seals with it.
func TestKeyStates(t *testing.T) {
	for _, c := range []struct{ row, state, want string }{
		{"KS-1", "Enabled", ""},
		{"KS-2", "Disabled", "KMS.DisabledException"},
		{"KS-3", "PendingDeletion", "KMS.KMSInvalidStateException"},
		{"KS-3", "PendingReplicaDeletion", "KMS.KMSInvalidStateException"},
		{"KS-3", "PendingImport", "KMS.KMSInvalidStateException"},
		{"KS-3", "Creating", "KMS.KMSInvalidStateException"},
		{"KS-3", "Updating", "KMS.KMSInvalidStateException"},
		{"KS-3", "Unavailable", "KMS.KMSInvalidStateException"},
	} {
		t.Run(c.row+" "+c.state, func(t *testing.T) {
			facts := keyFacts("K")
			facts.State = c.state
			_, _, refusal := policy.DecideBucketEncryption(bucket("none"),
				policy.EncryptionRule{Algorithm: "aws:kms", KeyID: keyK}, facts, &policy.Options{})
			got := ""
			if refusal != nil {
				got = refusal.Code
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
