package main

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"sealfront/proxy/proxytest"
)

// A row of the table that TestClientsSignatures prints.
type signatureRow struct{ client, operation, sent, result string }

// signatures collects the table. Clients run at the same time.
type signatures struct {
	p       *proxytest.Program
	general string // a general purpose bucket, of SSE-S3 and so open to plain HTTP
	dir     string

	mu   sync.Mutex
	rows []signatureRow
}

// add takes a result: nil is "ok".
func (s *signatures) add(client, operation, sent string, err error) {
	result := "ok"
	if err != nil {
		result = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, signatureRow{client, operation, sent, result})
}

// recorder is a transport that remembers how the bodies of PUT and POST requests were signed.
type recorder struct {
	http.RoundTripper
	mu   sync.Mutex
	seen []string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if hash := req.Header.Get("X-Amz-Content-Sha256"); req.Method == http.MethodPut && hash != "" {
		if len(hash) == 64 {
			hash = "hash"
		}
		if req.ContentLength < 0 {
			hash += ", chunked coding"
		}
		r.mu.Lock()
		if len(r.seen) == 0 || r.seen[len(r.seen)-1] != hash {
			r.seen = append(r.seen, hash)
		}
		r.mu.Unlock()
	}
	return r.RoundTripper.RoundTrip(req)
}

// sent is how bodies were signed since the last call.
func (r *recorder) sent() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := strings.Join(r.seen, "; ")
	r.seen = nil
	return seen
}

// TestClientsSignatures lets every client sign in every way it has, and prints a table: client, operation, how the body
// was signed, result.
func TestClientsSignatures(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the clients take their time")
	}
	p := proxytest.StartConfigured(t, t.TempDir(), "compat: {post_object: true}")
	s := &signatures{p: p, general: "general-bucket", dir: t.TempDir()}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + s.general}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	t.Run("clients", func(t *testing.T) {
		for name, run := range map[string]func(*testing.T, *signatures){
			"boto3": signaturesOfBoto3, "gosdk": signaturesOfGoSDK, "minio-go": signaturesOfMinIOGo, "js": signaturesOfJS,
			"mc": signaturesOfMC, "s3cmd": signaturesOfS3cmd, "rclone": signaturesOfRclone,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				run(t, s)
			})
		}
	})
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	slices.SortStableFunc(s.rows, func(a, b signatureRow) int { return strings.Compare(a.client, b.client) })
	for _, r := range s.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.client, r.operation, r.sent, r.result)
		if r.result != "ok" {
			t.Errorf("%s, %s: %s", r.client, r.operation, r.result)
		}
	}
	_ = w.Flush()
	t.Logf("client × operation × result:\n%s", table.String())
}

// lines takes the results of a script: a line an operation, and its result behind a tab.
func (s *signatures) lines(t *testing.T, client string, env []string, path, file string) {
	t.Helper()
	j := &journey{p: s.p}
	env = append(env, "SIGNATURES_DIR="+s.dir, "SIGNATURES_GENERAL="+s.general)
	out, errs, err := j.command(t, env, path, filepath.Join(scripts, file))
	if err != nil {
		t.Errorf("%s: %v\n%s\n%s", file, err, out, errs)
	}
	rows := 0
	for line := range strings.Lines(out) {
		operation, result, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			t.Errorf("%s said %q", file, line)
			continue
		}
		rows++
		if result == "ok" {
			s.add(client, operation, "", nil)
		} else {
			s.add(client, operation, "", fmt.Errorf("%s", result))
		}
	}
	if rows == 0 {
		t.Errorf("%s said nothing", file)
	}
}

func signaturesOfBoto3(t *testing.T, s *signatures) {
	python := proxytest.ProgramPath(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		proxytest.MissingPython(t, "python3 has no boto3")
	}
	s.lines(t, "boto3", nil, python, "boto3_signatures.py")
}

func signaturesOfJS(t *testing.T, s *signatures) {
	node, tools := proxytest.ProgramPath(t, "node"), os.Getenv("SEALFRONT_TOOLS")
	if _, err := os.Stat(filepath.Join(tools, "node_modules", "@aws-sdk", "client-s3")); tools == "" || err != nil {
		proxytest.Missing(t, "@aws-sdk/client-s3 is not in $SEALFRONT_TOOLS/node_modules")
	}
	s.lines(t, "js", []string{"NODE_EXTRA_CA_CERTS=" + s.p.Env["AWS_CA_BUNDLE"]}, node, "js_signatures.cjs")
}

// A tool puts, gets and removes a file by its own commands.
type tool struct {
	client, how      string
	env              []string
	put, get, remove []string // FROM and TO stand for the file's names, OBJECT for the object's
	object           string
	path             string
}

func (s *signatures) runTool(t *testing.T, c tool) {
	t.Helper()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	j := &journey{p: s.p}
	for _, n := range []int{0, 100_000, 17 << 20} {
		body := proxytest.RandomBytes(n)
		if err := os.WriteFile(from, body, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(to)
		run := func(args []string) error {
			var filled []string
			for _, a := range args {
				filled = append(filled, strings.NewReplacer("FROM", from, "TO", to, "OBJECT", c.object).Replace(a))
			}
			out, errs, err := j.command(t, c.env, c.path, filled...)
			if err != nil {
				return fmt.Errorf("%s: %w: %s %s", strings.Join(filled, " "), err, out, errs)
			}
			return nil
		}
		err := run(c.put)
		if err == nil {
			err = run(c.get)
		}
		if err == nil {
			if got, readErr := os.ReadFile(to); readErr != nil || !bytes.Equal(got, body) {
				err = fmt.Errorf("%d bytes came back, %w", len(got), readErr)
			}
		}
		if err == nil {
			err = run(c.remove)
		}
		s.add(c.client, fmt.Sprintf("put, get, remove %d bytes, %s", n, c.how), "", err)
	}
}

func signaturesOfMC(t *testing.T, s *signatures) {
	path := proxytest.ProgramPath(t, "mc")
	for how, endpoint := range map[string]string{
		"https": s.p.Env["AWS_ENDPOINT_URL"], "http": s.p.Env["SEALFRONT_HTTP_URL"],
	} {
		config := t.TempDir()
		if err := os.MkdirAll(filepath.Join(config, "certs", "CAs"), 0o700); err != nil {
			t.Fatal(err)
		}
		authority, err := os.ReadFile(s.p.Env["AWS_CA_BUNDLE"])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(config, "certs", "CAs", "ca.pem"), authority, 0o600); err != nil {
			t.Fatal(err)
		}
		arguments := func(args ...string) []string { return append([]string{"--config-dir", config, "--quiet"}, args...) }
		alias := func() error {
			j := &journey{p: s.p}
			out, errs, err := j.command(t, nil, path,
				arguments("alias", "set", "sealfront", endpoint, s.p.Env["AWS_ACCESS_KEY_ID"], s.p.Env["AWS_SECRET_ACCESS_KEY"],
					"--api", "S3v4", "--path", "on")...)
			if err != nil {
				return fmt.Errorf("alias: %w: %s %s", err, out, errs)
			}
			return nil
		}
		if err := alias(); err != nil {
			s.add("mc", how, "", err)
			continue
		}
		s.runTool(t, tool{
			client: "mc", how: how, path: path, object: "sealfront/" + s.general + "/dir/mc-" + how,
			put: arguments("cp", "FROM", "OBJECT"), get: arguments("cp", "OBJECT", "TO"), remove: arguments("rm", "OBJECT"),
		})
	}
}

func signaturesOfS3cmd(t *testing.T, s *signatures) {
	path := proxytest.ProgramPath(t, "s3cmd")
	for how, more := range map[string][]string{
		"https": {"--ca-certs=" + s.p.Env["AWS_CA_BUNDLE"]},
		"http":  {"--no-ssl"},
	} {
		host := s.p.Env["AWS_ENDPOINT_URL"]
		if how == "http" {
			host = s.p.Env["SEALFRONT_HTTP_URL"]
		}
		_, host, _ = strings.Cut(host, "://")
		arguments := func(args ...string) []string {
			list := append([]string{
				"--config=" + os.DevNull, "--host=" + host, "--host-bucket=" + host, "--region=us-west-2", "--quiet", "--force",
				"--access_key=" + s.p.Env["AWS_ACCESS_KEY_ID"], "--secret_key=" + s.p.Env["AWS_SECRET_ACCESS_KEY"],
			}, more...)
			return append(list, args...)
		}
		s.runTool(t, tool{
			client: "s3cmd", how: how, path: path, object: "s3://" + s.general + "/dir/s3cmd-" + how,
			put: arguments("put", "FROM", "OBJECT"), get: arguments("get", "OBJECT", "TO"), remove: arguments("del", "OBJECT"),
		})
	}
}

func signaturesOfRclone(t *testing.T, s *signatures) {
	path := proxytest.ProgramPath(t, "rclone")
	for how, endpoint := range map[string]string{
		"https": s.p.Env["AWS_ENDPOINT_URL"], "http": s.p.Env["SEALFRONT_HTTP_URL"],
	} {
		env := []string{
			"RCLONE_CONFIG=" + os.DevNull, "RCLONE_CONFIG_SF_TYPE=s3", "RCLONE_CONFIG_SF_PROVIDER=Other",
			"RCLONE_CONFIG_SF_ENDPOINT=" + endpoint,
			"RCLONE_CONFIG_SF_REGION=us-west-2", "RCLONE_CONFIG_SF_ACCESS_KEY_ID=" + s.p.Env["AWS_ACCESS_KEY_ID"],
			"RCLONE_CONFIG_SF_SECRET_ACCESS_KEY=" + s.p.Env["AWS_SECRET_ACCESS_KEY"],
			"RCLONE_CA_CERT=" + s.p.Env["AWS_CA_BUNDLE"],
			"RCLONE_S3_NO_CHECK_BUCKET=true", "RCLONE_RETRIES=1",
		}
		s.runTool(t, tool{
			client: "rclone", how: how, path: path, env: env, object: "sf:" + s.general + "/dir/rclone-" + how,
			put: []string{"copyto", "FROM", "OBJECT"}, get: []string{"copyto", "OBJECT", "TO"},
			remove: []string{"deletefile", "OBJECT"},
		})
	}
}

// postFields sends a form as a browser does.
func postFields(client *http.Client, url string, fields map[string]string, file []byte) error {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			return err
		}
	}
	part, err := w.CreateFormFile("file", "file")
	if err != nil {
		return err
	}
	if _, err := part.Write(file); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	resp, err := client.Post(url, w.FormDataContentType(), &b)
	if err != nil {
		return err
	}
	return answered(resp, http.StatusNoContent, nil)
}

// send sends a presigned request.
func send(client *http.Client, method, url string, header http.Header, body []byte, status int, want []byte) error {
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range header {
		if name != "Host" && name != "Content-Length" {
			r.Header[name] = values
		}
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	return answered(resp, status, want)
}

func answered(resp *http.Response, status int, want []byte) error {
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != status:
		return fmt.Errorf("%d, want %d: %s", resp.StatusCode, status, got)
	case want != nil && !bytes.Equal(got, want):
		return fmt.Errorf("%d other bytes", len(got))
	}
	return nil
}
