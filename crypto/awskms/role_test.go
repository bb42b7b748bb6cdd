package awskms_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// STS gives the credentials of a role once, for calls that are signed with them.
func TestARoleIsAssumed(t *testing.T) {
	var asked atomic.Int32
	security := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if err := r.ParseForm(); err != nil || r.Form.Get("Action") != "AssumeRole" ||
			r.Form.Get("RoleArn") != "arn:aws:iam::123456789012:role/kms" ||
			!strings.Contains(r.Header.Get("Authorization"), accessKey) {
			t.Errorf("%v %v", err, r.Form)
		}
		_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
			<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
			<SessionToken>the token</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult>
			</AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer security.Close()
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=ASIAROLE/") ||
			r.Header.Get("X-Amz-Security-Token") != "the token" {
			t.Errorf("signed with %s", r.Header.Get("Authorization"))
		}
		_, _ = w.Write([]byte(`{"CiphertextBlob": "AAAA", "KeyId": "k"}`))
	}))
	defer keys.Close()
	o := options(keys.URL)
	o.RoleARN, o.STSEndpoint = "arn:aws:iam::123456789012:role/kms", security.URL
	c := client(t, o)
	for range 3 {
		if blob, err := c.Encrypt(t.Context(), "key", []byte("plain"), nil); err != nil || len(blob) != 3 {
			t.Errorf("%d bytes, %v", len(blob), err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("the role was assumed %d times", asked.Load())
	}
}
