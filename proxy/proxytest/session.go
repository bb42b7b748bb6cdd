package proxytest

import (
	"strings"
	"time"

	"sealfront/sigv4"
)

// Namesake are the credentials of an identity of [StartWithIdentities].
func Namesake(name string) *sigv4.Credentials {
	return &sigv4.Credentials{AccessKeyID: "AKIA" + strings.ToUpper(name), SecretAccessKey: name + "secret"}
}

// OtherCredentials are those of the second identity of [EmbeddedWith].
var OtherCredentials = &sigv4.Credentials{AccessKeyID: "AKIAOTHER", SecretAccessKey: "othersecret"}

// Session creates a session of a bucket.
func (p *Program) Session(bucket string, header ...sigv4.Field) *sigv4.Credentials {
	p.T.Helper()
	return p.SessionAs(nil, bucket, header...)
}

// SessionAs is Session for a principal; nil: the program's first.
func (p *Program) SessionAs(c *sigv4.Credentials, bucket string, header ...sigv4.Field) *sigv4.Credentials {
	p.T.Helper()
	a := p.Do(&Request{
		Method: "GET", Path: "/" + bucket, Query: "session=", Service: "s3express", Hash: HexSum(""), Header: header,
		Credentials: c,
	})
	if a.StatusCode != 200 {
		p.T.Fatalf("CreateSession: %d %s", a.StatusCode, a.Text)
	}
	element := func(name string) string {
		_, rest, _ := strings.Cut(a.Text, "<"+name+">")
		value, _, _ := strings.Cut(rest, "</"+name+">")
		return value
	}
	return &sigv4.Credentials{
		AccessKeyID: element("AccessKeyId"), SecretAccessKey: element("SecretAccessKey"),
		SessionToken: element("SessionToken"),
	}
}

// Presigned is a presigned URL's query, signed at t.
func (p *Program) Presigned(
	c *sigv4.Credentials, service, method, host, path, query string, at time.Time, expires time.Duration,
	header ...sigv4.Field,
) string {
	m := &sigv4.Message{
		Method: []byte(method), Path: []byte(path), Query: []byte(query),
		Header: append([]sigv4.Field{Field("Host", host)}, header...),
	}
	return string(sigv4.NewSigner(p.Env["AWS_REGION"], service).AppendPresigned(nil, m, c, at, expires))
}

// Credentials are the long-term ones of the program's first identity.
func (p *Program) Credentials() *sigv4.Credentials {
	return &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.Env["AWS_SECRET_ACCESS_KEY"]}
}
