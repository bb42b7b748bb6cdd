package sigv4_test

import (
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// TestHostileHeadsTakeLittleTime gives heads far larger than a server takes; anything quadratic would show.
func TestHostileHeadsTakeLittleTime(t *testing.T) {
	const n = 100_000
	many := func(prefix, separator string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(prefix)
			for k := i; k > 0; k /= 26 {
				b.WriteByte(byte('a' + k%26))
			}
			b.WriteString(separator)
		}
		return b.String()
	}
	names := strings.Split(strings.TrimSuffix(many("x-", ";"), ";"), ";")
	manyHeaders := func(m *sigv4.Message) *sigv4.Message {
		for _, name := range names {
			m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte("v")})
		}
		return m
	}
	withQuery := func(m *sigv4.Message, more string) *sigv4.Message {
		m.Query = append(m.Query, "&"+more...)
		return m
	}
	signedNames := strings.Join(names, ";")
	manySigned := manyHeaders(signed(t, "GET", "/"))
	set(manySigned, "Authorization", strings.Replace(field(manySigned, "authorization"), "SignedHeaders=host;",
		"SignedHeaders=host;"+signedNames+";", 1))
	for name, m := range map[string]*sigv4.Message{
		"headers":              manyHeaders(signed(t, "GET", "/")),
		"headers, all signed":  manySigned,
		"parameters":           withQuery(signed(t, "GET", "/"), many("p", "&")),
		"presigned parameters": withQuery(presigned(t, now, time.Hour, "/"), many("X-Amz-", "=1&")),
		"repeated presign parameters": withQuery(presigned(t, now, time.Hour, "/"),
			strings.Repeat("X-Amz-Date=%41&", n)),
		"a path of escapes": withPath(signed(t, "GET", "/"), strings.Repeat("/%2F", n)),
		"attributes": added(request(t, "GET", "/"), "Authorization", "AWS4-HMAC-SHA256 "+
			strings.Repeat("a=b,", n)),
		"slashes in a credential": added(request(t, "GET", "/"), "Authorization",
			"AWS4-HMAC-SHA256 Credential="+strings.Repeat("/", n)+",SignedHeaders=a,Signature=b"),
		"a header of spaces": withValue(signed(t, "GET", "/", "x-amz-meta-a: a"), "x-amz-meta-a",
			"a"+strings.Repeat(" ", n)+"b"),
		"Authorization headers":            repeated(request(t, "GET", "/"), "Authorization", "AWS4-HMAC-SHA256 x", n),
		"one header, repeated, all joined": repeated(signed(t, "GET", "/", "x-amz-meta-a: 1"), "x-amz-meta-a", "1", n),
	} {
		v := sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-west-2"}, Now: at(now)})
		var a sigv4.Authentication
		start := time.Now()
		if v.Read(m, &a, "s3") == nil {
			if err := v.Check(m, &a, exampleSecret); err != nil && code(err) == "?" {
				t.Error(err)
			}
		}
		if _, err := sigv4.AppendHoisted(nil, m); err != nil && code(err) == "?" {
			t.Error(err)
		}
		if took := time.Since(start); took > 10*time.Second { // milliseconds, when the machine is free
			t.Errorf("%s: %s", name, took)
		} else {
			t.Logf("%s: %s", name, took)
		}
	}
}

func withPath(m *sigv4.Message, path string) *sigv4.Message {
	m.Path = []byte(path)
	return m
}

func withValue(m *sigv4.Message, name, value string) *sigv4.Message {
	set(m, name, value)
	return m
}

func repeated(m *sigv4.Message, name, value string, n int) *sigv4.Message {
	for range n {
		m = added(m, name, value)
	}
	return m
}
