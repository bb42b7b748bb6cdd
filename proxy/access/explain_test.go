package access_test

import (
	"errors"
	"strings"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/access"
)

func TestQuestionsThatCannotBeUnderstood(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	for name, q := range map[string]access.Question{
		"an operation that there isn't":      {Operation: "EatObject", Bucket: "plain"},
		"a header without a colon":           {Operation: "GetObject", Bucket: "plain", Header: []string{"no colon"}},
		"a header without a name":            {Operation: "GetObject", Bucket: "plain", Header: []string{": value"}},
		"a parameter without an equals sign": {Operation: "GetObject", Bucket: "plain", Query: []string{"versionId"}},
		"a name that no bucket has":          {Operation: "GetObject", Bucket: "A"},
		"a source that is no address":        {Operation: "GetObject", Bucket: "plain", Source: "here"},
		"a principal that there isn't":       {Operation: "GetObject", Bucket: "plain", Principal: "stranger"},
		"a session's header without a colon": {
			Operation: "GetObject", Bucket: "never--az1--x-s3",
			SessionHeader: []string{"x"},
		},
		"a session in a general purpose one": {Operation: "GetObject", Bucket: "plain", SessionHeader: []string{sse}},
		"a session beside a long-term key": {
			Operation: "GetObject", Bucket: "never--az1--x-s3", LongTerm: true,
			SessionHeader: []string{sse},
		},
		"a session for a regional operation": {
			Operation: "DeleteBucket", Bucket: "never--az1--x-s3",
			SessionHeader: []string{sse},
		},
		"the state bucket, which nobody sees": {Operation: "GetObject", Bucket: "state"},
	} {
		e, err := g.Explain(t.Context(), &q)
		if err == nil || e.Decision != "" {
			t.Errorf("%s: %+v", name, e)
			continue
		}
		if strings.Contains(err.Error(), "%!") || !errors.Is(err, access.ErrQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNotServedIsExplainedSo(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	e, err := g.Explain(t.Context(), &access.Question{Operation: "ListObjects", Bucket: "plain"})
	if err != nil || e.Decision != "refuse" || e.Code != "NotImplemented" || e.Operation != "ListObjects" ||
		e.Bucket != "plain" || e.Kind != policy.General.String() {
		t.Errorf("%+v, %v", e, err)
	}
}

// A question supposes a request that is signed and sent now; what it doesn't say has no value.
func TestAQuestionSupposesARequestSentNow(t *testing.T) {
	t.Parallel()
	question := access.Question{
		Operation: "GetObject", Bucket: "plain", Principal: "asked", Source: "192.0.2.7",
		Header: []string{"User-Agent: agent/1", "REFERER:  http://example.com/ "},
	}
	bare := access.Question{Operation: "UploadPart", Bucket: "plain", Principal: "asked"}
	for _, c := range []struct {
		q          *access.Question
		key, value string // "": none
	}{
		{&question, "aws:SourceIp", "192.0.2.7"},
		{&bare, "aws:SourceIp", ""},
		{&question, "aws:UserAgent", "agent/1"},
		{&bare, "aws:UserAgent", ""},
		{&question, "aws:Referer", "http://example.com/"},
		{&bare, "aws:Referer", ""},
		{&question, "aws:CurrentTime", "2026-01-02T03:04:05Z"},
		{&question, "aws:EpochTime", "1767323045"},
		{&question, "aws:username", "asked"},
		{&question, "aws:PrincipalType", "User"},
		{&question, "aws:RequestedRegion", testRegion},
		{&question, "s3:signatureversion", "AWS4-HMAC-SHA256"},
		{&question, "s3:authType", "REST-HEADER"},
		{&question, "s3:signatureAge", "0"},
		{&question, "s3:TlsVersion", ""},
	} {
		decide := func(operator, value string) string {
			g := newRoom(t, nil)
			statement := allow("*", "*")
			statement.Condition = map[string]map[string][]string{operator: {c.key: {value}}}
			g.SetIdentities(newIdentities(t, newIdentity(t, "asked", statement)))
			e, err := g.Explain(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			return e.Decision
		}
		holds, fails := [2]string{"StringEquals", c.value}, [2]string{"StringNotEquals", c.value}
		if c.value == "" {
			holds, fails = [2]string{"Null", "true"}, [2]string{"Null", "false"}
		}
		if got := decide(holds[0], holds[1]); got != "allow" {
			t.Errorf("%s of %s isn't %q", c.key, c.q.Operation, c.value)
		}
		if got := decide(fails[0], fails[1]); got == "allow" {
			t.Errorf("%s of %s is another one than %q, too", c.key, c.q.Operation, c.value)
		}
	}
}
