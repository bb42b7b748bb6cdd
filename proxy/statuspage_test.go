package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// pictures is where pictures of the page go, after two minutes of traffic instead of a moment's.
var pictures = flag.String("pictures", "", "folder for pictures of the status page")

// A pageProxy is one of two replicas before a store and a key service that fail on demand, with traffic.
type pageProxy struct {
	*proxytest.Program
	front *proxytest.StoreFront
	kms   *proxytest.FaultyKMS
	other *proxytest.Program
	stop  func() // ends the traffic
}

const pageToken = "the admin token"

func startPageProxy(t *testing.T) *pageProxy {
	f, k := proxytest.NewStoreFront(t), proxytest.NewFaultyKMS(t)
	prefix := fmt.Sprintf("t%d-", time.Now().UnixNano())
	start := func(admin string) *proxytest.Program {
		p := proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store:
  {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate,
   timeout: 6s}
kms: {kind: aws, endpoint: %q, access_key: %s, secret_key: %q, service_key: %q, bucket_key: {lifetime: 30s}}
admin: {%s}
`, f.URL, prefix, prefix, k.URL, proxytest.KMSAccessKey, proxytest.KMSSecretKey, k.ServiceKey, admin),
			proxytest.HealthEvery(2*time.Second))
		return p
	}
	p := &pageProxy{Program: start(fmt.Sprintf("token: %q", pageToken)), front: f, kms: k}
	p.other = start("")
	for _, bucket := range []string{"/reports", "/invoices-of-the-accounting-department-2026"} {
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: bucket, Plain: true}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.Text)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for i := range 3 {
		clients.Go(func() { p.load(ctx, i) })
	}
	p.stop = func() {
		stop()
		clients.Wait()
	}
	t.Cleanup(p.stop)
	return p
}

// load sends requests until ctx ends, whatever becomes of them; some are refused.
func (p *pageProxy) load(ctx context.Context, client int) {
	credentials := &sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "testsecret"}
	http := &http.Client{Timeout: 5 * time.Second}
	defer http.CloseIdleConnections()
	for i := 0; ctx.Err() == nil; i++ {
		path := fmt.Sprintf("/reports/key-that-nobody-sees-%d-%d", client, i%7)
		for _, method := range []string{"PUT", "GET", "HEAD", "GET", "DELETE"} {
			_, _, _, _ = p.SendOnce(http, &proxytest.Request{Method: method, Path: path, Credentials: credentials},
				strings.Repeat("plaintext ", 1000*(i%5)+1))
		}
		if i%20 == 0 {
			other := *credentials
			other.SecretAccessKey = "wrong"
			_, _, _, _ = p.SendOnce(http, &proxytest.Request{Method: "GET", Path: path, Credentials: &other}, "")
		}
		select {
		case <-ctx.Done():
		case <-time.After(40 * time.Millisecond):
		}
	}
}

// A pageReport is what a test reads of GET /status.
type pageReport struct {
	Headline []struct{ Level, Text, Why, Works string }
	Failures []struct{ Request, Operation, Code, Cause string }
	Replicas []struct{ ID, Host string }
}

// report is the answer of GET /status, which comes before the store's timeout whatever hangs.
func (p *pageProxy) report(t *testing.T) (r pageReport) {
	t.Helper()
	began := time.Now()
	_, text := p.GetAdmin(t, "/status", "Authorization", "Bearer "+pageToken)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("GET /status took %v", took)
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, secret := range []string{"nobody-sees", "testsecret", "storesecret", pageToken, "AKIATEST"} {
		if strings.Contains(text, secret) {
			t.Errorf("GET /status shows %q: %s", secret, text)
		}
	}
	return r
}

// says waits until the first thing that the page says begins so.
func (p *pageProxy) says(t *testing.T, level, words string) (r pageReport) {
	t.Helper()
	proxytest.Eventually(t, "the page says "+words, func() bool {
		r = p.report(t)
		return r.Headline[0].Level == level && strings.HasPrefix(r.Headline[0].Text, words)
	})
	return r
}

// The page says what is wrong while it is, in words, and what that does to requests; it never waits.
func TestTheStatusPageInIncidents(t *testing.T) {
	t.Parallel()
	p := startPageProxy(t)
	b := proxytest.StartBrowser(t)
	admin := p.Env["SEALFRONT_ADMIN"]
	scheme, rest, _ := strings.Cut(admin, "://")
	b.Look(1600, false)
	b.Open(scheme + "://operator:" + strings.ReplaceAll(pageToken, " ", "%20") + "@" + rest + "/livez")
	b.Open(scheme + "://operator:" + strings.ReplaceAll(pageToken, " ", "%20") + "@" + rest + "/status")
	b.Open(admin + "/")
	if *pictures != "" {
		time.Sleep(2 * time.Minute)
	}
	const shown = `(document.querySelector("#headline b")?.textContent ?? "")`
	p.says(t, "well", "All is well")
	proxytest.Eventually(t, "the two replicas", func() bool { return len(p.report(t).Replicas) == 2 })
	b.Until("that all is well",
		shown+`.startsWith("All is well") && document.querySelectorAll("#replicas tr").length == 2`)
	b.Until("charts", `document.querySelectorAll(".chart canvas").length == 8`)
	b.Until("a refusal", `document.querySelector("#refused").innerText.includes("SignatureDoesNotMatch")`)
	p.everyWidth(t, b, "well")
	if len(b.Errors) > 0 {
		t.Errorf("the page's errors: %q", b.Errors)
	}

	p.front.Set(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, nil)
	r := p.says(t, "bad", "The store hangs, since ")
	if r.Headline[0].Works == "" {
		t.Errorf("%+v", r.Headline)
	}
	proxytest.Eventually(t, "a failure", func() bool {
		r = p.report(t)
		return len(r.Failures) > 0 && strings.Contains(r.Failures[0].Cause, "the store hangs")
	})
	b.Until("that the store hangs", shown+`.startsWith("The store hangs")`)
	b.Until("failures", `document.querySelector("#failures").innerText.includes("the store hangs")`)
	p.everyWidth(t, b, "store-hangs")
	p.front.Set(nil, nil)
	proxytest.Eventually(t, "the store is well", func() bool {
		return !strings.HasPrefix(p.report(t).Headline[0].Text, "The store")
	})

	p.kms.Set("", proxytest.KMSSays("DisabledException", 400, "the key is disabled"))
	p.dropKeys(t)
	p.says(t, "bad", "KMS refuses calls, since ")
	b.Until("that KMS refuses", shown+`.startsWith("KMS refuses")`)
	p.everyWidth(t, b, "kms-refuses")
	p.kms.Set("", nil)
}

// dropKeys drops all keys, as curl does it.
func (p *pageProxy) dropKeys(t *testing.T) {
	t.Helper()
	if resp, text := p.DoAdmin(t, "POST", "/keys/drop", "", "Authorization", "Bearer "+pageToken); resp.StatusCode != 204 {
		t.Fatal(resp.StatusCode, text)
	}
}

// everyWidth looks at the page from a telephone to a wide screen: nothing is wider than the screen, and no label is
// broken into letters.
func (p *pageProxy) everyWidth(t *testing.T, b *proxytest.Browser, name string) {
	t.Helper()
	for _, width := range []int{390, 600, 821, 1001, 1250, 1600} {
		for _, dark := range []bool{false, true} {
			b.Look(width, dark)
			b.Eval(`new Promise(done => setTimeout(() => requestAnimationFrame(done), 50))`)
			if got := b.Eval(`document.documentElement.scrollWidth`); got != fmt.Sprint(width) {
				t.Errorf("%s: at %d pixels the page is %s wide", name, width, got)
			}
			if got := b.Eval(brokenLabels); got != "" {
				t.Errorf("%s: at %d pixels labels are broken: %s", name, width, got)
			}
			if *pictures != "" && (width == 390 || width == 1600) {
				scheme := map[bool]string{false: "light", true: "dark"}[dark]
				b.Screenshot(filepath.Join(*pictures, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)))
			}
		}
	}
}

// brokenLabels are the texts of labels and cells that have fewer than four letters a line.
const brokenLabels = `(() => {
	const broken = [];
	const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
	for (let n = texts.nextNode(); n; n = texts.nextNode()) {
		const text = n.textContent.trim();
		if (text.length < 5 || !n.parentElement.checkVisibility()) continue;
		const range = document.createRange();
		range.selectNodeContents(n);
		const lines = new Set([...range.getClientRects()].map(r => Math.round(r.top))).size;
		if (lines > 1 && text.length / lines < 4) broken.push(text);
	}
	return broken.join("; ");
})()`

// Each replica finds the other's record, and one that ends takes its own away.
func TestReplicasKnowOfEachOtherWhileTheyRun(t *testing.T) {
	t.Parallel()
	p := startPageProxy(t)
	p.stop()
	for _, one := range []*proxytest.Program{p.Program, p.other} {
		proxytest.Eventually(t, "both", func() bool {
			var r pageReport
			_, text := one.GetAdmin(t, "/status", "Authorization", "Bearer "+pageToken)
			return json.Unmarshal([]byte(text), &r) == nil && len(r.Replicas) == 2 && r.Replicas[0].ID != r.Replicas[1].ID
		})
	}
	p.front.Seen()
	if status := p.other.Stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	removed := 0
	for _, r := range p.front.Seen() {
		if r.Method == "DELETE" && strings.Contains(r.URL.Path, "/replicas/") {
			removed++
		}
	}
	if removed != 1 {
		t.Errorf("%d records of replicas were removed, want 1", removed)
	}
}

// What the forms do, they do as the page, with the token and after a question.
func TestTheFormsOfTheStatusPage(t *testing.T) {
	t.Parallel()
	p := startPageProxy(t)
	b := proxytest.StartBrowser(t)
	scheme, rest, _ := strings.Cut(p.Env["SEALFRONT_ADMIN"], "://")
	b.Look(1100, false)
	b.Open(scheme + "://operator:" + strings.ReplaceAll(pageToken, " ", "%20") + "@" + rest + "/status")
	b.Open(p.Env["SEALFRONT_ADMIN"] + "/")
	b.Until("the field of the token", `document.querySelector("#tokenLabel")?.hidden === false`)
	held := func() string {
		_, text := p.GetAdmin(t, "/keys", "Authorization", "Bearer "+pageToken)
		return text
	}
	proxytest.Eventually(t, "a bucket key", func() bool { return held() != "[]\n" })
	p.stop() // so that none comes back
	drop := func(token, want string) {
		t.Helper()
		b.Eval(`document.forms.drop.elements.token.value = ` + fmt.Sprintf("%q", token))
		b.Eval(`document.querySelector("#drop button").click()`)
		b.Until("the question", `document.querySelector("#confirm").open`)
		if got := b.Eval(`document.querySelector("#dropped").textContent`); got != "" {
			t.Errorf("before the question is answered: %q", got)
		}
		b.Eval(`document.querySelector("#confirmYes").click()`)
		b.Until(want, `document.querySelector("#dropped").textContent.startsWith("`+want+`")`)
	}
	drop("wrong", "401: ")
	if held() == "[]\n" {
		t.Error("a wrong token dropped the keys")
	}
	drop(pageToken, "dropped at ")
	if got := held(); got != "[]\n" {
		t.Errorf("the keys that are held afterwards: %s", got)
	}
	b.Eval(`document.querySelector("#drop button").click()`) // without a token nothing is asked
	if b.Eval(`document.querySelector("#confirm").open`) != "false" {
		t.Error("the form was sent without a token")
	}
	b.Eval(`(() => {
		const f = document.forms.explain.elements;
		f.operation.value = "PutObject";
		f.bucket.value = "reports";
		f.header.value = "x-amz-server-side-encryption: aws:kms:dsse";
		document.querySelector("#explain button").click();
	})()`)
	b.Until("an explanation", `document.querySelector("#explanation").textContent.includes('"row"')`)
	b.Eval(`document.forms.explain.elements.operation.value = "Nonsense"`)
	b.Eval(`document.querySelector("#explain button").click()`)
	b.Until("a refusal", `document.querySelector("#explanation").textContent.includes("no operation")`)
}
