package keyserver_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sealfront/proxy/audit"
	"sealfront/proxy/config"
	"sealfront/proxy/proxytest"
)

const account = "123456789012"

// withRoles is two replicas that trust an issuer: the role app may use keys, and so may who holds the identity helper,
// which has no other right, by the role by-hand.
func withRoles(t *testing.T, i *proxytest.Issuer) *config.KeyService {
	t.Helper()
	c := overStore(t, "http://"+memory(t).Address(), rootFile(t))
	c.Records.Freshness = 50 * time.Millisecond
	c.Identities = append(c.Identities, config.KeyIdentity{Name: "helper", AccessKey: "AKIAHELPER", SecretKey: secretKey})
	c.Issuers = []config.Issuer{{URL: i.URL}}
	use := []config.KeyStatement{{
		Effect: "Allow", Action: config.List{"kms:GenerateDataKey", "kms:Decrypt"}, Resource: config.List{"*"},
	}}
	host := strings.TrimPrefix(i.URL, "http://")
	c.Roles = []config.KeyRole{
		{Name: "app", Policy: use, Trust: []config.Trust{{
			Issuer: i.URL, Audience: config.List{"us"},
			Condition: map[string]map[string]config.List{"StringEquals": {host + ":sub": {"me"}}},
		}}},
		{Name: "by-hand", Policy: use, Trust: []config.Trust{{Principal: config.List{"helper"}}}},
	}
	return c
}

func stsClient(r *replica, id, secret, token string) *sts.Client {
	o := sts.Options{Region: region, BaseEndpoint: r.Options().BaseEndpoint, RetryMaxAttempts: 1}
	if id != "" {
		o.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
	}
	return sts.New(o)
}

func (r *replica) as(provider aws.CredentialsProvider) *kms.Client {
	o := r.Options()
	return kms.New(kms.Options{
		Region: region, BaseEndpoint: o.BaseEndpoint, RetryMaxAttempts: 1, Credentials: aws.NewCredentialsCache(provider),
	})
}

func roleARN(name string) string { return "arn:aws:iam::" + account + ":role/" + name }

// A workload that has a token file and no secret uses keys, at any replica; key policies and grants name it.
func TestWorkloadsCallTheKeyServiceByRole(t *testing.T) {
	i := proxytest.NewIssuer(t)
	c := withRoles(t, i)
	c.Log.Audit = filepath.Join(t.TempDir(), "audit.log")
	a := start(t, c)
	other := *c
	other.Log.Audit = ""
	b := start(t, &other)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(i.Token("me", "us", nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	provider := stscreds.NewWebIdentityRoleProvider(stsClient(a, "", "", ""), roleARN("app"),
		stscreds.IdentityTokenFile(file), func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = "pod-1" })
	key := func(policy string) *string {
		t.Helper()
		out, err := a.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String(policy)})
		if err != nil {
			t.Fatal(err)
		}
		return out.KeyMetadata.KeyId
	}
	const root = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account +
		`:root"},"Action":"kms:*","Resource":"*"}`
	deny := func(arn string) string {
		return `,{"Effect":"Deny","Principal":{"AWS":"` + arn + `"},"Action":"kms:GenerateDataKey","Resource":"*"}`
	}
	session := "arn:aws:sts::" + account + ":assumed-role/app/pod-1"
	use := func(r *replica, id *string) string {
		_, err := r.as(provider).GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{
			KeyId: id, KeySpec: kmstypes.DataKeySpecAes256,
		})
		return code(err)
	}
	policy := func(statements string) string {
		return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
	}
	for what, want := range map[*string]string{
		key(policy(root)): "", key(policy(root + deny(roleARN("app")))): "AccessDeniedException",
		key(policy(root + deny(session))): "AccessDeniedException", key(policy(root + deny(session+"0"))): "",
	} {
		for _, r := range []*replica{a, b} {
			if got := use(r, what); got != want {
				t.Errorf("%s: %q, want %q", *what, got, want)
			}
		}
	}
	if _, err := a.as(provider).CreateKey(t.Context(), &kms.CreateKeyInput{}); code(err) != "AccessDeniedException" {
		t.Errorf("what the role's policy doesn't allow: %v", err)
	}
	got, err := provider.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	who, err := stsClient(b, got.AccessKeyID, got.SecretAccessKey, got.SessionToken).GetCallerIdentity(t.Context(),
		&sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != session || !strings.HasPrefix(*who.UserId, "AROA") || *who.Account != account {
		t.Errorf("%+v, %v", who, err)
	}
	a.stop()
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
	a.done <- nil
	text, err := os.ReadFile(c.Log.Audit)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"operation":"AssumeRoleWithWebIdentity"`, `"principal":"` + session + `"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in the audit log", want)
		}
	}
	if strings.Contains(string(text), got.SessionToken) || strings.Contains(string(text), got.SecretAccessKey) {
		t.Error("it holds a secret")
	}
	if _, err := audit.Verify("", c.Log.Audit); err != nil {
		t.Error(err)
	}
}

// Who is refused, and in whose words.
func TestWhoMayNotAssumeRoles(t *testing.T) {
	i := proxytest.NewIssuer(t)
	c := withRoles(t, i)
	r := start(t, c)
	with := func(role, token string) error {
		_, err := stsClient(r, "", "", "").AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String(roleARN(role)), RoleSessionName: aws.String("pod"), WebIdentityToken: &token,
		})
		return err
	}
	good := i.Token("me", "us", nil)
	for what, s := range map[string]struct{ role, token, want string }{
		"the right one":          {"app", good, ""},
		"another's subject":      {"app", i.Token("you", "us", nil), "AccessDenied"},
		"for another audience":   {"app", i.Token("me", "them", nil), "InvalidIdentityToken"},
		"an altered token":       {"app", good[:len(good)-4] + "AAAA", "InvalidIdentityToken"},
		"an unknown role":        {"none", good, "AccessDenied"},
		"a role of no issuer":    {"by-hand", good, "AccessDenied"},
		"another issuer's token": {"app", proxytest.NewIssuer(t).Token("me", "us", nil), "InvalidIdentityToken"},
	} {
		if err := with(s.role, s.token); code(err) != s.want {
			t.Errorf("%s: %v, want %q", what, err, s.want)
		}
	}
	by := func(id, secret string, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
		in.RoleSessionName = aws.String("me")
		return stsClient(r, id, secret, "").AssumeRole(t.Context(), in)
	}
	hand := aws.String(roleARN("by-hand"))
	for what, s := range map[string]struct {
		id, secret string
		in         *sts.AssumeRoleInput
		want       string
	}{
		"an identity that isn't named": {accessKey, secretKey, &sts.AssumeRoleInput{RoleArn: hand}, "AccessDenied"},
		"a wrong secret":               {"AKIAHELPER", "wrong", &sts.AssumeRoleInput{RoleArn: hand}, "SignatureDoesNotMatch"},
		"nobody known":                 {"AKIANOBODY", "wrong", &sts.AssumeRoleInput{RoleArn: hand}, "InvalidClientTokenId"},
		"longer than the role allows": {
			"AKIAHELPER", secretKey, &sts.AssumeRoleInput{RoleArn: hand, DurationSeconds: aws.Int32(7200)}, "ValidationError",
		},
		"a policy with a condition": {
			"AKIAHELPER", secretKey, &sts.AssumeRoleInput{RoleArn: hand, Policy: aws.String(
				`{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{}}}`)}, "MalformedPolicyDocument",
		},
	} {
		if _, err := by(s.id, s.secret, s.in); code(err) != s.want {
			t.Errorf("%s: %v, want %s", what, err, s.want)
		}
	}
	if answer, err := http.PostForm(*r.Options().BaseEndpoint, url.Values{"Action": {"GetSessionToken"}}); err != nil ||
		answer.StatusCode != http.StatusBadRequest {
		t.Errorf("an action that isn't carried out: %v, %v", answer, err)
	}
}

// A session has the role as it is now: its own policy narrows it, and it ends with the role, with the trust that let it
// in, and by sessions_from.
func TestSessionsHaveTheRoleAsItIsNow(t *testing.T) {
	i := proxytest.NewIssuer(t)
	c := withRoles(t, i)
	r := start(t, c)
	made, err := r.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	key := made.KeyMetadata.KeyId
	assume := func(policy *string) aws.CredentialsProvider {
		t.Helper()
		out, err := stsClient(r, "AKIAHELPER", secretKey, "").AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String(roleARN("by-hand")), RoleSessionName: aws.String("me"), Policy: policy,
		})
		if err != nil {
			t.Fatal(err)
		}
		k := out.Credentials
		return credentials.NewStaticCredentialsProvider(*k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken)
	}
	use := func(by aws.CredentialsProvider) string {
		_, err := r.as(by).GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: key, KeySpec: "AES_256"})
		return code(err)
	}
	whole := assume(nil)
	narrow := assume(aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt",` +
		`"Resource":"*"}]}`))
	if got := use(whole); got != "" {
		t.Errorf("whole: %q", got)
	}
	if got := use(narrow); got != "AccessDeniedException" {
		t.Errorf("narrowed to Decrypt: %q", got)
	}
	stolen, _ := whole.Retrieve(t.Context())
	if got := use(credentials.NewStaticCredentialsProvider(stolen.AccessKeyID, "another secret",
		stolen.SessionToken)); got != "InvalidSignatureException" {
		t.Errorf("another secret: %q", got)
	}
	if got := use(credentials.NewStaticCredentialsProvider("ASIAANOTHER", stolen.SecretAccessKey,
		stolen.SessionToken)); got != "UnrecognizedClientException" {
		t.Errorf("another id: %q", got)
	}
	force := func(change func(*config.KeyService)) string {
		t.Helper()
		changed := *c
		changed.Roles = append([]config.KeyRole(nil), c.Roles...)
		changed.Identities = append([]config.KeyIdentity(nil), c.Identities...)
		change(&changed)
		if err := r.site.SetCallers(&changed); err != nil {
			t.Fatal(err)
		}
		return use(whole)
	}
	for what, s := range map[string]struct {
		change func(*config.KeyService)
		want   string
	}{
		"nothing changed":   {func(*config.KeyService) {}, ""},
		"the role is gone":  {func(c *config.KeyService) { c.Roles = c.Roles[:1] }, "ExpiredTokenException"},
		"its policy is now": {func(c *config.KeyService) { c.Roles[1].Policy = nil }, "AccessDeniedException"},
		"its trust names another": {func(c *config.KeyService) {
			c.Roles[1].Trust = []config.Trust{{Principal: config.List{"admin"}}}
		}, "ExpiredTokenException"},
		"the identity is gone": {func(c *config.KeyService) {
			c.Identities = c.Identities[:1]
			c.Roles[1].Trust = []config.Trust{{Principal: config.List{"admin"}}}
		}, "ExpiredTokenException"},
		"sessions_from": {
			func(c *config.KeyService) { c.Roles[1].SessionsFrom = "2100-01-01T00:00:00Z" }, "ExpiredTokenException",
		},
	} {
		if got := force(s.change); got != s.want {
			t.Errorf("%s: %q, want %q", what, got, s.want)
		}
	}
}

// A configuration with roles is read as the proxy's is, and what it can't have is said.
func TestRolesOfTheConfiguration(t *testing.T) {
	load := func(trust, more string) error {
		dir := t.TempDir()
		path := filepath.Join(dir, "kms.yaml")
		text := fmt.Sprintf(`
listen: {https: "", http: "127.0.0.1:0"}
records: {dir: records}
roots: [{name: main, kind: file, file: root.key}]
issuers: [{url: "https://i.example", algorithms: [RS256]}]
identities: [{name: app, access_key: A, secret_key: s, policy: []}]
roles:
- {name: r, trust: [%s], policy: [{effect: Allow, action: "kms:*", resource: "*"}]%s}
`, trust, more)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.LoadKeyService(path)
		return err
	}
	const good = `{issuer: "https://i.example", audience: us, condition: {StringEquals: {"i.example:sub": me}}}`
	for _, s := range []struct{ trust, more, want string }{
		{good, `, max_session: 2h, sessions_from: 2026-01-31T12:00:00Z`, ""},
		{`{principal: app}`, "", ""},
		{`{principal: role/r}`, "", "roles aren't assumed by roles"},
		{`{principal: "arn:aws:iam::123456789012:root"}`, "", "nor by a whole account"},
		{`{principal: nobody}`, "", "roles[0].trust[0].principal"},
		{`{issuer: "https://i.example", audience: us}`, "", "roles[0].trust[0].condition"},
		{`{issuer: "https://other"}`, "", "roles[0].trust[0].issuer"},
		{good, ", max_session: 20h", "roles[0].max_session"},
		{good, ", sessions_from: today", "roles[0].sessions_from"},
	} {
		if err := load(s.trust, s.more); (err == nil) != (s.want == "") ||
			err != nil && !strings.Contains(err.Error(), s.want) {
			t.Errorf("%s%s: %v", s.trust, s.more, err)
		}
	}
}
