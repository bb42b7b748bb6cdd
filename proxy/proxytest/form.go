package proxytest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// Form is a form POST, put together field by field.
type Form struct {
	P           *Program
	Credentials *sigv4.Credentials
	Conditions  []string    // JSON; those of the fields of authentication and of fields are added
	Fields      [][2]string // in front of the file
	Loose       [][2]string // fields without a condition
	Key         string      // default dir/object
	File        string
	FileName    string
	Expires     time.Duration // default 1 h
	Service     string        // default s3express
	Break       string        // written after the file, in front of the closing boundary
	Closing     string        // default with a line break
	NoFile      bool
	Alter       func(field string, value string) string
}

const FormBoundary = "----a-boundary-of-a-form"

// Body is the request's body: multipart/form-data.
func (f *Form) Body() []byte {
	now := time.Now().UTC()
	service, key, expires := f.Service, f.Key, f.Expires
	if service == "" {
		service = "s3express"
	}
	if key == "" {
		key = "dir/object"
	}
	if expires == 0 {
		expires = time.Hour
	}
	c := f.Credentials
	if c == nil {
		c = f.P.Credentials()
	}
	fields := append([][2]string{
		{"key", key},
		{"x-amz-algorithm", "AWS4-HMAC-SHA256"},
		{"x-amz-credential", c.AccessKeyID + "/" + now.Format("20060102") + "/us-west-2/" + service + "/aws4_request"},
		{"x-amz-date", now.Format("20060102T150405Z")},
	}, f.Fields...)
	if c.SessionToken != "" {
		fields = append(fields, [2]string{"X-Amz-S3session-Token", c.SessionToken})
	}
	conditions := append([]string{`{"bucket": "` + f.P.Env["SEALFRONT_BUCKET"] + `"}`}, f.Conditions...)
	for _, field := range fields {
		if field[0] == "key" {
			conditions = append(conditions, `["starts-with", "$key", "dir/"]`)
		} else {
			value, _ := json.Marshal(field[1]) // a string can always be written
			conditions = append(conditions, fmt.Sprintf("{%q: %s}", field[0], value))
		}
	}
	document := fmt.Sprintf(`{"expiration": %q, "conditions": [%s]}`,
		now.Add(expires).Format("2006-01-02T15:04:05.000Z"),
		strings.Join(conditions, ", "))
	policy := base64.StdEncoding.EncodeToString([]byte(document))
	fields = append(fields, f.Loose...)
	fields = append(fields, [2]string{"policy", policy},
		[2]string{"x-amz-signature", sigv4.NewSigner("us-west-2", service).SignForm([]byte(policy), c, now)})
	var b bytes.Buffer
	for _, field := range fields {
		if f.Alter != nil {
			field[1] = f.Alter(field[0], field[1])
		}
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", FormBoundary, field[0],
			field[1])
	}
	if !f.NoFile {
		fmt.Fprintf(&b,
			"--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=%q\r\nContent-Type: text/plain\r\n\r\n%s",
			FormBoundary, f.FileName, f.File)
	}
	b.WriteString(f.Break)
	closing := f.Closing
	if closing == "" {
		closing = "\r\n--" + FormBoundary + "--\r\n"
	}
	if f.NoFile {
		closing = closing[2:]
	}
	b.WriteString(closing)
	return b.Bytes()
}

// Post sends the form, as a browser would.
func (f *Form) Post() *Answer {
	f.P.T.Helper()
	client := f.P.HTTPClient(f.P.T.(*testing.T))
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Post(f.P.Env["AWS_ENDPOINT_URL"]+"/"+f.P.Env["SEALFRONT_BUCKET"],
		"multipart/form-data; boundary="+FormBoundary, bytes.NewReader(f.Body()))
	if err != nil {
		f.P.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := &Answer{Response: resp}
	body, err := io.ReadAll(resp.Body)
	a.Text, a.Err = string(body), err
	return a
}
