package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// startConfigured starts the program with embedded parts under dir and further lines of configuration, and fills its
// environment with what an operator would hand to clients.
func startConfigured(t testing.TB, dir, lines string) *program {
	t.Helper()
	file := filepath.Join(dir, "sealfront.yaml")
	text := fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
data: %q
domains: [localhost]
kms: {kind: embedded}
identities:
  - name: app
    access_key: AKIAIOSFODNN7EXAMPLE
    secret_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
    policy: [{effect: Allow, action: ["s3express:*", "s3:*", "kms:*"], resource: ["*"]}]
%s
`, dir, lines)
	if !strings.Contains(lines, "store:") {
		text += "store: {kind: embedded}\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProgram(t, "serve", "--config", file)
	for name, value := range map[string]string{
		"AWS_CA_BUNDLE": filepath.Join(dir, "tls", "ca.pem"), "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_REGION":            "us-west-2", "AWS_DEFAULT_REGION": "us-west-2", "SEALFRONT_BUCKET": demoBucket,
	} {
		p.env[name] = value
	}
	return p
}

// session asks for a session of a bucket.
func (p *program) session(bucket string, header ...sigv4.Field) *sigv4.Credentials {
	p.t.Helper()
	return p.sessionAs(nil, bucket, header...)
}

// sessionAs is session for a principal; nil: the program's first.
func (p *program) sessionAs(c *sigv4.Credentials, bucket string, header ...sigv4.Field) *sigv4.Credentials {
	p.t.Helper()
	a := p.do(&rawRequest{method: "GET", path: "/" + bucket, query: "session=", service: "s3express", hash: hexSum(""), header: header, credentials: c})
	if a.StatusCode != 200 {
		p.t.Fatalf("CreateSession: %d %s", a.StatusCode, a.body)
	}
	element := func(name string) string {
		_, rest, _ := strings.Cut(a.body, "<"+name+">")
		value, _, _ := strings.Cut(rest, "</"+name+">")
		return value
	}
	return &sigv4.Credentials{AccessKeyID: element("AccessKeyId"), SecretAccessKey: element("SecretAccessKey"), SessionToken: element("SessionToken")}
}

// presigned is a presigned URL's query, signed at t.
func (p *program) presigned(c *sigv4.Credentials, service, method, host, path, query string, at time.Time, expires time.Duration, header ...sigv4.Field) string {
	m := &sigv4.Message{Method: []byte(method), Path: []byte(path), Query: []byte(query), Header: append([]sigv4.Field{field("Host", host)}, header...)}
	return string(sigv4.NewSigner(p.env["AWS_REGION"], service).AppendPresigned(nil, m, c, at, expires))
}

func (p *program) credentials() *sigv4.Credentials {
	return &sigv4.Credentials{AccessKeyID: p.env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.env["AWS_SECRET_ACCESS_KEY"]}
}
