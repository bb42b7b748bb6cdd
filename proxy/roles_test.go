package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

const appRole = "arn:aws:iam::" + proxytest.Account + ":role/app"

// everythingAllowed is a policy of a configuration.
const everythingAllowed = `[{effect: Allow, action: "*", resource: "*"}]`

// callSTS sends a call that nobody signs.
func callSTS(t *testing.T, p *proxytest.Program, form url.Values) (status int, answer string) {
	t.Helper()
	form.Set("Version", "2011-06-15")
	resp, err := p.HTTPClient(t).PostForm(p.Env["AWS_ENDPOINT_URL"], form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// assumeApp assumes the role app with a token, and returns its credentials.
func assumeApp(t *testing.T, p *proxytest.Program, token string) *sigv4.Credentials {
	t.Helper()
	status, answer := callSTS(t, p, url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {appRole}, "RoleSessionName": {"web-1"},
		"WebIdentityToken": {token},
	})
	var doc struct {
		Result struct {
			Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }
		} `xml:"AssumeRoleWithWebIdentityResult"`
	}
	text := strings.ReplaceAll(answer, "AccessKeyId", "AccessKeyID")
	if err := xml.Unmarshal([]byte(text), &doc); status != 200 || err != nil {
		t.Fatalf("%d, %v: %s", status, err, answer)
	}
	c := doc.Result.Credentials
	return &sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
}

// withTemporary signs a request with temporary credentials.
func withTemporary(c *sigv4.Credentials, r proxytest.Request) *proxytest.Request {
	r.Header = append(slices.Clone(r.Header), proxytest.Field("X-Amz-Security-Token", c.SessionToken))
	r.Credentials = &sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey}
	return &r
}

// Credentials of one replica work on the other, which is restarted; a role's sessions that are ended are refused by
// both within ten seconds, and so are sessions of CreateSession on top of them.
func TestRolesOnTwoReplicas(t *testing.T) {
	t.Parallel()
	i := proxytest.NewIssuer(t)
	f := newFleet(t)
	start := func() *proxytest.Program {
		return proxytest.StartWith(t, f.config("127.0.0.1:0")+i.RolesConfig("app", "me", "us", everythingAllowed))
	}
	a, b := start(), start()
	a.Env["AWS_CA_BUNDLE"], b.Env["AWS_CA_BUNDLE"] = f.dir+"/server.pem", f.dir+"/server.pem"
	const bucket = "roles--usw2-az1--x-s3"
	c := assumeApp(t, a, i.Token("me", "us", nil))
	put := func(p *proxytest.Program, c *sigv4.Credentials, path string) string {
		t.Helper()
		got := p.Do(withTemporary(c, proxytest.Request{Method: "PUT", Path: path, Body: "hello"}))
		if got.StatusCode == 200 {
			return ""
		}
		return got.Code()
	}
	if got := a.Do(withTemporary(c, proxytest.Request{
		Method: "PUT", Path: "/" + bucket,
		Body: strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", "usw2-az1", 1),
	})); got.StatusCode != 200 {
		t.Fatal(got.Text)
	}
	// A session on top of the role's, by the other replica.
	b.Stop()
	b = start()
	b.Env["AWS_CA_BUNDLE"] = f.dir + "/server.pem"
	if code := put(b, c, "/"+bucket+"/a"); code != "" {
		t.Errorf("the other replica, restarted: %s", code)
	}
	made := b.Do(withTemporary(c, proxytest.Request{Method: "GET", Path: "/" + bucket, Query: "session="}))
	token := between(made.Text, "<SessionToken>", "</SessionToken>")
	onTop := &sigv4.Credentials{
		AccessKeyID:     between(made.Text, "<AccessKeyId>", "</AccessKeyId>"),
		SecretAccessKey: between(made.Text, "<SecretAccessKey>", "</SecretAccessKey>"), SessionToken: token,
	}
	session := func(p *proxytest.Program) string {
		t.Helper()
		return p.Do(&proxytest.Request{
			Method: "GET", Path: "/" + bucket + "/a", Credentials: onTop, Service: "s3express",
		}).Code()
	}
	if code := session(a); code != "" {
		t.Errorf("a session on top: %s", code)
	}

	out, errs, status := proxytest.Subcommand(t, "roles", "end", "app", "--config", a.ConfigFile())
	ended := time.Now()
	if status != 0 || !strings.Contains(out, `"ended": 1`) {
		t.Fatalf("%d: %s%s", status, out, errs)
	}
	for name, refused := range map[string]func() bool{
		"here":             func() bool { return put(a, c, "/"+bucket+"/b") == "ExpiredToken" },
		"there":            func() bool { return put(b, c, "/"+bucket+"/b") == "ExpiredToken" },
		"here, a session":  func() bool { return session(a) == "ExpiredToken" },
		"there, a session": func() bool { return session(b) == "ExpiredToken" },
	} {
		proxytest.Eventually(t, "the end of a role's sessions "+name, refused)
	}
	if took := time.Since(ended); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	if code := put(b, assumeApp(t, b, i.Token("me", "us", nil)), "/"+bucket+"/b"); code != "" {
		t.Errorf("a session that began afterwards: %s", code)
	}
	if _, errs, status := proxytest.Subcommand(t, "roles", "end", "ap", "--config", a.ConfigFile()); status != 2 ||
		!strings.Contains(errs, `no role "ap"`) {
		t.Errorf("%d: %s", status, errs)
	}
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

// Each of these is refused with STS's error, and nothing begins. TestForgedTokensAreRefused in package webidentity has
// more tokens, TestWhoMayAssumeARole in package access more trust.
func TestAttacksOnSTS(t *testing.T) {
	t.Parallel()
	i, foreign := proxytest.NewIssuer(t), proxytest.NewIssuer(t)
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, i.RolesConfig("app", "me", "us", everythingAllowed)))
	good := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {appRole}, "RoleSessionName": {"web-1"},
		"WebIdentityToken": {i.Token("me", "us", nil)},
	}
	for name, c := range map[string]struct {
		change map[string]string
		status int
		code   string
	}{
		"expired": {
			map[string]string{"WebIdentityToken": i.Token("me", "us", map[string]any{"exp": 1})}, 400, "ExpiredTokenException",
		},
		"not yet valid": {
			map[string]string{"WebIdentityToken": i.Token("me", "us", map[string]any{"nbf": 1 << 36})},
			400,
			"InvalidIdentityToken",
		},
		"wrong audience": {
			map[string]string{"WebIdentityToken": i.Token("me", "them", nil)}, 400, "InvalidIdentityToken",
		},
		"wrong issuer": {
			map[string]string{"WebIdentityToken": foreign.Token("me", "us", nil)}, 400, "InvalidIdentityToken",
		},
		"wrong subject": {map[string]string{"WebIdentityToken": i.Token("you", "us", nil)}, 403, "AccessDenied"},
		"no token":      {map[string]string{"WebIdentityToken": ""}, 400, "ValidationError"},
		"huge token":    {map[string]string{"WebIdentityToken": strings.Repeat("a", 20_001)}, 400, "ValidationError"},
		"huger": {
			map[string]string{"WebIdentityToken": strings.Repeat("a", 70_000)}, 413, "RequestEntityTooLarge",
		},
		"a policy's grammar": {map[string]string{"Policy": "{"}, 400, "MalformedPolicyDocument"},
		"managed policies": {
			map[string]string{"PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, 400, "ValidationError",
		},
		"another role": {map[string]string{"RoleArn": appRole + "2"}, 403, "AccessDenied"},
		"not a role": {
			map[string]string{"RoleArn": strings.Replace(appRole, "role", "user", 1)}, 400, "ValidationError",
		},
		"GetSessionToken": {map[string]string{"Action": "GetSessionToken"}, 400, "InvalidAction"},
		"unsigned":        {map[string]string{"Action": "GetCallerIdentity"}, 400, "ValidationError"},
	} {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		for k, v := range c.change {
			form.Set(k, v)
		}
		status, answer := callSTS(t, p, form)
		if status != c.status || between(answer, "<Code>", "</Code>") != c.code ||
			!strings.Contains(answer, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`) ||
			between(answer, "<RequestId>", "</RequestId>") == "" || strings.Contains(answer, "<Credentials>") {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if status, answer := callSTS(t, p, url.Values{"Action": {"GetCallerIdentity"}}); status != 403 ||
		between(answer, "<Code>", "</Code>") != "MissingAuthenticationToken" {
		t.Errorf("%d %s", status, answer)
	}
	c := assumeApp(t, p, good.Get("WebIdentityToken"))
	altered := *c
	altered.SessionToken = c.SessionToken[:40] + string(c.SessionToken[40]^1) + c.SessionToken[41:]
	// Credentials of another installation.
	other := proxytest.StartWith(t, proxytest.EmbeddedWith(t, i.RolesConfig("app", "me", "us", everythingAllowed)))
	for name, x := range map[string]*sigv4.Credentials{
		"altered": &altered, "another installation's": assumeApp(t, other, i.Token("me", "us", nil)),
	} {
		if got := p.Do(withTemporary(x, proxytest.Request{Method: "GET", Path: "/"})); got.Code() != "InvalidToken" {
			t.Errorf("%s: %s", name, got.Text)
		}
	}
	if got := p.Do(withTemporary(c, proxytest.Request{Method: "GET", Path: "/"})); got.StatusCode != 200 {
		t.Error(got.Text)
	}
	if log := p.Stderr.String(); strings.Contains(log, good.Get("WebIdentityToken")) ||
		strings.Contains(log, c.SecretAccessKey) ||
		!strings.Contains(log, "assumed-role/app/web-1") {
		t.Error("the log has a secret, or doesn't name the role's session")
	}
}

// Roles and issuers follow a reload: a role that is removed ends its sessions.
func TestRolesAreReloaded(t *testing.T) {
	t.Parallel()
	i := proxytest.NewIssuer(t)
	base := proxytest.EmbeddedWith(t, "reload_every: 0s\n")
	p := proxytest.StartWith(t, base+i.RolesConfig("app", "me", "us", everythingAllowed))
	c := assumeApp(t, p, i.Token("me", "us", nil))
	list := func() string {
		got := p.Do(withTemporary(c, proxytest.Request{Method: "GET", Path: "/"}))
		if got.StatusCode == 200 {
			return ""
		}
		return got.Code()
	}
	reload := func(text, want string) {
		t.Helper()
		if err := os.WriteFile(p.ConfigFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.HangUp()
		proxytest.Eventually(t, "the reload", func() bool { return list() == want })
	}
	if code := list(); code != "" {
		t.Fatal(code)
	}
	reload(base, "AccessDenied")
	reload(base+i.RolesConfig("app", "me", "us", everythingAllowed), "")
	reload(base+i.RolesConfig("app", "you", "us", everythingAllowed), "AccessDenied")
	reload(base+i.RolesConfig("app", "me", "us", `[{effect: Allow, action: "s3:Get*", resource: "*"}]`), "AccessDenied")
}

// elements are the paths of an answer's elements, and the values of those that both programs must agree on.
func elements(t *testing.T, text string) map[string]string {
	t.Helper()
	found, path := map[string]string{}, []string{}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		switch e := token.(type) {
		case xml.StartElement:
			path = append(path, e.Name.Local)
			found[strings.Join(path, "/")] = ""
		case xml.CharData:
			if value := strings.TrimSpace(string(e)); value != "" {
				found[strings.Join(path, "/")] = value
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
}

// moto is a second opinion of what STS answers: field by field for the same calls.
func TestSTSAnswersAsMotoDoes(t *testing.T) {
	t.Parallel()
	moto := proxytest.StartMoto(t)
	i := proxytest.NewIssuer(t)
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, i.RolesConfig("app", "me", "us", everythingAllowed)+`
- name: ops
  trust: [{principal: [app]}]
  policy: `+everythingAllowed+"\n"))
	token := i.Token("me", "us", nil)
	for _, c := range []struct {
		form url.Values
		same []string // elements whose values are the same, below the result
		// optional ones that one of the two leaves out
		differ []string
	}{
		{
			url.Values{
				"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {appRole}, "RoleSessionName": {"web-1"},
				"WebIdentityToken": {token},
			},
			[]string{"AssumedRoleUser/Arn"},
			[]string{"PackedPolicySize", "SubjectFromWebIdentityToken", "Audience", "Provider"},
		},
		{
			url.Values{
				"Action": {"AssumeRole"}, "RoleArn": {strings.Replace(appRole, "app", "ops", 1)}, "RoleSessionName": {"web-1"},
				"Policy": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`},
			},
			[]string{"AssumedRoleUser/Arn"},
			nil,
		},
		{url.Values{"Action": {"GetCallerIdentity"}}, []string{"Account"}, nil},
	} {
		action := c.form.Get("Action")
		c.form.Set("Version", "2011-06-15")
		body := c.form.Encode()
		r := &proxytest.Request{
			Method: "POST", Path: "/", Body: body, Hash: proxytest.HexSum(body), Service: "sts",
			Header: []sigv4.Field{proxytest.Field("Content-Type", "application/x-www-form-urlencoded")},
		}
		mine := p.Do(r)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, moto.Endpoint+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-west-2/sts/aws4_request, "+
			"SignedHeaders=host, Signature=x")
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || mine.StatusCode != 200 {
			t.Fatalf("%s: %d, %d, %v: %s %s", action, mine.StatusCode, resp.StatusCode, err, mine.Text, text)
		}
		result := action + "Response/" + action + "Result/"
		got, want := elements(t, mine.Text), elements(t, string(text))
		for _, name := range c.differ {
			delete(got, result+name)
			delete(want, result+name)
		}
		for path := range want {
			if _, ok := got[path]; !ok {
				t.Errorf("%s: moto answers %s, and it isn't here", action, path)
			}
		}
		for path := range got {
			if _, ok := want[path]; !ok {
				t.Errorf("%s: %s isn't in moto's answer", action, path)
			}
		}
		for _, name := range c.same {
			if got[result+name] != want[result+name] {
				t.Errorf("%s: %s is %q, moto's %q", action, name, got[result+name], want[result+name])
			}
		}
	}
}

// What an operator sees of roles and issuers.
func TestRolesAreShown(t *testing.T) {
	t.Parallel()
	i := proxytest.NewIssuer(t)
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, i.RolesConfig("app", "me", "us", everythingAllowed)))
	assumeApp(t, p, i.Token("me", "us", nil))
	if text := p.AdminText("/status"); !strings.Contains(text, i.URL+", keys known: 1, fetched ") {
		t.Errorf("the status page doesn't show the issuer: %s", text)
	}
	if n := p.Metric("sealfront_requests_total", `operation="AssumeRoleWithWebIdentity"`, `code="OK"`); n != 1 {
		t.Errorf("%v calls are counted", n)
	}
	out, errs, status := proxytest.Subcommand(t, "roles", "--config", p.ConfigFile())
	var list []struct{ Role, ARN, MaxSession string }
	if err := json.Unmarshal([]byte(out), &list); status != 0 || err != nil || len(list) != 1 || list[0].ARN != appRole ||
		list[0].MaxSession != "1h0m0s" {
		t.Errorf("%d, %v: %s%s", status, err, out, errs)
	}
	got, errs, status := proxytest.Subcommand(t, "explain", "--operation", "GetObject", "--bucket",
		"demo--local-az1--x-s3",
		"--principal", "role/app", "--config", p.ConfigFile())
	if status != 0 || !strings.Contains(got, "assumed-role/app/session") {
		t.Errorf("%d: %s%s", status, got, errs)
	}
	i.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if n := p.Metric("sealfront_issuers_failing"); n != 0 {
		t.Errorf("%v issuers fail", n)
	}
}
