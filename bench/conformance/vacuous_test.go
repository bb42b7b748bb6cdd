package conformance

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNoRowPassesByItself runs the suite on endpoints that make buckets and sessions and otherwise answer everything
// alike: whatever passes there would pass anywhere.
func TestNoRowPassesByItself(t *testing.T) {
	const key = "arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"
	for name, always := range map[string]http.HandlerFunc{
		"says yes": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"always-the-same"`)
			_, _ = io.WriteString(
				w, "<Result><ETag>&quot;always-the-same&quot;</ETag><UploadId>upload</UploadId></Result>")
		},
		"refuses": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "<Error><Code>Teapot</Code><Message>No.</Message><RequestId>1</RequestId></Error>")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch query := r.URL.RawQuery; {
				case strings.Contains(r.Header.Get("Authorization"), "/kms/"):
					_ = json.NewEncoder(w).Encode(map[string]any{
						"KeyMetadata": map[string]any{"Arn": key[:len(key)-1] + "6", "KeyManager": "AWS"},
					})
				case query == "session=" && len(r.Header.Values("X-Amz-S3session-Token")) == 0:
					_, _ = io.WriteString(
						w,
						"<SessionToken>token</SessionToken><SecretAccessKey>secret</SecretAccessKey><AccessKeyId>id</AccessKeyId><Expiration>"+
							time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+"</Expiration>")
				case r.Method == http.MethodPut && strings.Count(r.URL.Path, "/") == 1 &&
					(query == "" || query == "encryption="):
					w.WriteHeader(http.StatusOK)
				case r.Method == http.MethodDelete && query == "" && strings.Count(r.URL.Path, "/") == 1:
					w.WriteHeader(http.StatusNoContent)
				default:
					always(w, r)
				}
			})
			secure, plain := httptest.NewTLSServer(handler), httptest.NewServer(handler)
			t.Cleanup(secure.Close)
			t.Cleanup(plain.Close)
			ca := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{
				Type: "CERTIFICATE", Bytes: secure.Certificate().Raw,
			}), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestConformance$", "-endpoint",
				secure.URL, "-http-endpoint", plain.URL,
				"-kms-endpoint", plain.URL, "-ca", ca, "-bucket", "b--local-az1--x-s3", "-kms-key", key,
				"-admin", plain.URL,
				"-kms-key-foreign", key[:len(key)-1]+"7", "-kms-key-forbidden", key[:len(key)-1]+"8")
			cmd.Env = append(cleanEnvironment(), "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret")
			for _, identity := range []string{"READER", "NOKMS", "NOBODY"} {
				cmd.Env = append(cmd.Env, "CONFORMANCE_"+identity+"_ACCESS_KEY_ID=id", "CONFORMANCE_"+identity+
					"_SECRET_ACCESS_KEY=secret")
			}
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("the suite passed")
			}
			if !strings.Contains(string(out), "conformance: cases: 0 passed") {
				t.Errorf("some passed:\n%s", out)
			}
		})
	}
}
