package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

// Trap 19: KMS failing in every way, at each step of each operation: the answer is 5.3's, nothing is stored, nothing is
// lost, and all works again when KMS does. This is what OPERATING.md's table "When KMS is away" says. What answers when
// nothing fails is "sealfront kms".
func TestWhenKMSIsAway(t *testing.T) {
	t.Parallel()
	k := proxytest.NewFaultyKeyServer(t)
	p := k.Start(t, t.TempDir(), "")
	impatient := k.Start(t, t.TempDir(), "timeout: 4s") // what hangs takes so long at each step
	table := &kmsTable{rows: make(map[string]int)}
	proxytest.Every(t, len(kmsFaults), func(i int) string { return kmsFaults[i].name }, func(t *testing.T, i int) {
		f, p := kmsFaults[i], p
		if f.name == kmsHangs {
			p = impatient
		}
		expected := func(calls string) *kmsRow {
			for _, call := range calls {
				switch r := map[rune]*kmsRow{'s': f.describe, 'g': f.generate, 'd': f.decrypt}[call]; {
				case !f.partial:
					return f.decrypt
				case r != nil:
					return r
				}
			}
			return nil
		}
		b := proxytest.NewFilledKMSBucket(p.ForTest(t), fmt.Sprintf("away-%d--local-az1--x-s3", i), k.MakeKey(t))
		const whole = "object warm-from warm-delete warm-deletes warm-append cold-from cold-delete cold-deletes cold-append"
		b.Has("at first", whole)

		// phase asks for every operation at once. An operation that should fail must do so as the row says.
		phase := func(name, phase string, need kmsNeed) {
			heard := make([]told, len(kmsOperations))
			before := k.All(b.Key)
			asked := 0
			for _, o := range kmsOperations {
				if o.need >= need && need != never {
					asked++
				}
			}
			proxytest.Every(t, len(kmsOperations), func(i int) string { return name + " " + kmsOperations[i].name },
				func(t *testing.T, i int) {
					o, q := kmsOperations[i], p.ForTest(t)
					if need == never && o.need == never {
						return // done already
					}
					r := o.r(b, phase)
					var want *kmsRow
					if need != never && o.need >= need {
						want = expected(o.calls)
					}
					a := q.Do(r)
					heard[i] = toldBy(a)
					switch {
					case a.Err != nil:
						t.Errorf("no answer: %v", a.Err)
					case want == nil && a.StatusCode/100 != 2:
						t.Errorf("%d %s, want success", a.StatusCode, a.Text)
					case want == nil && o.name == "GetObject" && a.Text != "body":
						t.Errorf("GET gave %q", a.Text)
					case want != nil && (a.StatusCode != want.status || r.Method != "HEAD" && a.Code() != want.code):
						t.Errorf("%d %s, want %d %s", a.StatusCode, a.Text, want.status, want.code)
					case want != nil:
						wanted := want.row
						if ofKey := keyRows[wanted]; o.name == "PutBucketEncryption" && ofKey != "" {
							wanted = ofKey
						}
						if row := q.RowOf(a); row != wanted {
							t.Errorf("refused by %q, want %s", row, wanted)
						}
						if want.status == http.StatusBadRequest && r.Method != "HEAD" && !strings.Contains(a.Text, b.Key) {
							t.Errorf("%s doesn't name the KMS key", a.Text)
						}
					}
				})
			if need != never {
				table.add(b, f.name, phase, heard)
			}
			// A call that hangs ends its request: no second one begins behind it.
			if n := k.All(b.Key) - before; f.name == kmsHangs && need != never && n > asked {
				t.Errorf("%s: %d calls of KMS for %d requests that hung", name, n, asked)
			}
		}
		k.Set(b.Key, f.fault(b.Key))
		phase("warm", "warm", each)
		after := strings.ReplaceAll(whole, "warm-delete warm-deletes", "warm-put warm-session warm-complete")
		after = strings.ReplaceAll(after, "warm-from", "warm-renamed")
		if expected("dg") == nil {
			after += " warm-copy"
		}
		b.Has("after what needs no KMS", after)

		b.P.DropKeys("?kms-key=" + url.QueryEscape(b.Key))
		phase("cold", "cold", whenCold)
		after = strings.ReplaceAll(after, " cold-delete cold-deletes", "")
		for made, calls := range map[string]string{
			"cold-put": "g", "cold-session": "g", "cold-copy": "dg", "cold-complete": "d",
		} {
			if expected(calls) == nil {
				after += " " + made
			}
		}
		if expected("d") == nil {
			after = strings.ReplaceAll(after, "cold-from", "cold-renamed")
		}
		b.Has("while KMS is away", after)
		uploads := b.Must(&proxytest.Request{Method: "GET", Path: "/" + b.Name, Query: "uploads="}).Text
		if failed := expected("g") != nil; failed == strings.Contains(uploads, "<Key>cold-upload</Key>") {
			t.Errorf("an upload that KMS refused: %v, listed: %s", failed, uploads)
		}

		k.Set(b.Key, nil)
		proxytest.Eventually(t, "KMS is called again", func() bool { // for a second it isn't where it has hung
			return b.P.Do(&proxytest.Request{Method: "GET", Path: b.Path("object")}).StatusCode == http.StatusOK
		})
		if expected("d") == nil { // all has been done already
			return
		}
		phase("again", "cold", never)
		b.Has("in the end",
			"object cold-append warm-append cold-put cold-session cold-copy cold-complete cold-renamed warm-put warm-session "+
				"warm-complete warm-renamed")
		for key, body := range map[string]string{
			"object": "body", "cold-complete": "part", "warm-complete": "part", "cold-renamed": "body", "cold-copy": "body",
			"cold-put": "body", "warm-append": "bodymore", "cold-append": "bodymore",
		} {
			if a := b.Must(&proxytest.Request{Method: "GET", Path: b.Path(key)}); a.Text != body {
				t.Errorf("%s in the end: %q", key, a.Text)
			}
		}
	})
	printTable(t, kmsTableHead, table.rows)
	t.Run("by name", func(t *testing.T) { errorsAreKnownByName(t, p, k) })
	if p.Metric("sealfront_integrity_failures_total", `kind="blob"`) == 0 {
		t.Error("KE-8 is no alarm")
	}
	if p.Metric("sealfront_refusals_total", `row="KE-7"`) == 0 ||
		p.Metric("sealfront_kms_calls_total", `outcome="unreachable"`) == 0 {
		t.Error("KE-7 isn't counted")
	}
}

// Section 5.3 goes by the name of KMS's error, however it is spelled and whatever the HTTP status.
func errorsAreKnownByName(t *testing.T, p *proxytest.Program, k *proxytest.FaultyKMS) {
	type known struct {
		name   string
		status int
		want   kmsRow
	}
	var all []known
	for name, want := range map[string]kmsRow{
		"DisabledException": ke(1, "DisabledException"), "KMSInvalidStateException": ke(2, "KMSInvalidStateException"),
		"NotFoundException": ke(3, "NotFoundException"), "InvalidArnException": ke(3, "NotFoundException"),
		"InvalidKeyUsageException": ke(4, "InvalidKeyUsageException"), "AccessDeniedException": ke5,
		"ThrottlingException": ke6, "LimitExceededException": ke6, "KMSInternalException": ke7,
		"DependencyTimeoutException": ke7,
		"KeyUnavailableException":    ke7, "AnExceptionOfTheFuture": ke7,
		"com.amazonaws.kms#DisabledException": ke(1, "DisabledException"),
	} {
		for _, status := range []int{400, 403, 500} {
			all = append(all, known{name, status, want})
		}
	}
	proxytest.Every(t, len(all), func(i int) string {
		return fmt.Sprintf("%s %s with status %d", all[i].want.row, all[i].name, all[i].status)
	}, func(t *testing.T, i int) {
		q := p.ForTest(t)
		b := proxytest.NewKMSBucket(q, fmt.Sprintf("named-%d--local-az1--x-s3", i), k.MakeKey(t))
		k.Set(b.Key, proxytest.KMSSays(all[i].name, all[i].status, b.Key+" says no"))
		a := q.Do(&proxytest.Request{Method: "PUT", Path: b.Path("object"), Body: "body"})
		if want := all[i].want; a.StatusCode != want.status || a.Code() != want.code || q.RowOf(a) != want.row {
			t.Errorf("%d %s (%s), want %+v", a.StatusCode, a.Text, q.RowOf(a), want)
		}
		b.Has("afterwards", "")
	})
}
