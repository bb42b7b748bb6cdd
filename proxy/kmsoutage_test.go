package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Trap 19: KMS failing in every way, at each step of each operation: the answer is 5.3's, nothing is stored, nothing is
// lost, and all works again when KMS does. This is what OPERATING.md's table "When KMS is away" says.
func TestWhenKMSIsAway(t *testing.T) {
	t.Parallel()
	k := newFaultyKMS(t)
	p := k.start(t, t.TempDir(), "timeout: 4s")
	table := &kmsTable{rows: make(map[string]int)}
	every(t, len(kmsFaults), func(i int) string { return kmsFaults[i].name }, func(t *testing.T, i int) {
		f := kmsFaults[i]
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
		b := newOutageBucket(p.forTest(t), fmt.Sprintf("away-%d--local-az1--x-s3", i), k.newKey(t))
		const whole = "object warm-from warm-delete warm-deletes warm-append cold-from cold-delete cold-deletes cold-append"
		b.has("at first", whole)

		// phase asks for every operation at once. An operation that should fail must do so as the row says.
		phase := func(name, phase string, need kmsNeed) {
			heard := make([]told, len(kmsOperations))
			before := k.all(b.key)
			asked := 0
			for _, o := range kmsOperations {
				if o.need >= need && need != never {
					asked++
				}
			}
			every(t, len(kmsOperations), func(i int) string { return name + " " + kmsOperations[i].name }, func(t *testing.T, i int) {
				o, q := kmsOperations[i], p.forTest(t)
				if need == never && o.need == never {
					return // done already
				}
				r := o.r(b, phase)
				var want *kmsRow
				if need != never && o.need >= need {
					want = expected(o.calls)
				}
				a := q.do(r)
				heard[i] = toldBy(a)
				switch {
				case a.bodyErr != nil:
					t.Errorf("no answer: %v", a.bodyErr)
				case want == nil && a.StatusCode/100 != 2:
					t.Errorf("%d %s, want success", a.StatusCode, a.body)
				case want == nil && o.name == "GetObject" && a.body != "body":
					t.Errorf("GET gave %q", a.body)
				case want != nil && (a.StatusCode != want.status || r.method != "HEAD" && a.code() != want.code):
					t.Errorf("%d %s, want %d %s", a.StatusCode, a.body, want.status, want.code)
				case want != nil:
					wanted := want.row
					if ofKey := keyRows[wanted]; o.name == "PutBucketEncryption" && ofKey != "" {
						wanted = ofKey
					}
					if row := q.rowOf(a); row != wanted {
						t.Errorf("refused by %q, want %s", row, wanted)
					}
					if want.status == http.StatusBadRequest && r.method != "HEAD" && !strings.Contains(a.body, b.key) {
						t.Errorf("%s doesn't name the KMS key", a.body)
					}
				}
			})
			if need != never {
				table.add(b, f.name, phase, heard)
			}
			// A call that hangs ends its request: no second one begins behind it.
			if n := k.all(b.key) - before; f.name == "KE-7 hangs" && need != never && n > asked {
				t.Errorf("%s: %d calls of KMS for %d requests that hung", name, n, asked)
			}
		}
		k.set(b.key, f.fault(b.key))
		phase("warm", "warm", each)
		after := strings.ReplaceAll(whole, "warm-delete warm-deletes", "warm-put warm-session warm-complete")
		after = strings.ReplaceAll(after, "warm-from", "warm-renamed")
		if expected("dg") == nil {
			after += " warm-copy"
		}
		b.has("after what needs no KMS", after)

		b.p.dropKeys("?kms-key=" + url.QueryEscape(b.key))
		phase("cold", "cold", whenCold)
		after = strings.ReplaceAll(after, " cold-delete cold-deletes", "")
		for made, calls := range map[string]string{"cold-put": "g", "cold-session": "g", "cold-copy": "dg", "cold-complete": "d"} {
			if expected(calls) == nil {
				after += " " + made
			}
		}
		if expected("d") == nil {
			after = strings.ReplaceAll(after, "cold-from", "cold-renamed")
		}
		b.has("while KMS is away", after)
		uploads := b.must(&rawRequest{method: "GET", path: "/" + b.name, query: "uploads="}).body
		if failed := expected("g") != nil; failed == strings.Contains(uploads, "<Key>cold-upload</Key>") {
			t.Errorf("an upload that KMS refused: %v, listed: %s", failed, uploads)
		}

		k.set(b.key, nil)
		if expected("d") == nil { // all has been done already
			return
		}
		phase("again", "cold", never)
		b.has("in the end", "object cold-append warm-append cold-put cold-session cold-copy cold-complete cold-renamed warm-put warm-session warm-complete warm-renamed")
		for key, body := range map[string]string{"object": "body", "cold-complete": "part", "warm-complete": "part", "cold-renamed": "body", "cold-copy": "body", "cold-put": "body", "warm-append": "bodymore", "cold-append": "bodymore"} {
			if a := b.must(&rawRequest{method: "GET", path: b.path(key)}); a.body != body {
				t.Errorf("%s in the end: %q", key, a.body)
			}
		}
	})
	printTable(t, kmsTableHead, table.rows)
	t.Run("by name", func(t *testing.T) { errorsAreKnownByName(t, p, k) })
	if p.metric("sealfront_integrity_failures_total", `kind="blob"`) == 0 {
		t.Error("KE-8 is no alarm")
	}
	if p.metric("sealfront_refusals_total", `row="KE-7"`) == 0 || p.metric("sealfront_kms_calls_total", `outcome="unreachable"`) == 0 {
		t.Error("KE-7 isn't counted")
	}
}

// Section 5.3 goes by the name of KMS's error, however it is spelled and whatever the HTTP status.
func errorsAreKnownByName(t *testing.T, p *program, k *faultyKMS) {
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
		"ThrottlingException": ke6, "LimitExceededException": ke6, "KMSInternalException": ke7, "DependencyTimeoutException": ke7,
		"KeyUnavailableException": ke7, "AnExceptionOfTheFuture": ke7, "com.amazonaws.kms#DisabledException": ke(1, "DisabledException"),
	} {
		for _, status := range []int{400, 403, 500} {
			all = append(all, known{name, status, want})
		}
	}
	every(t, len(all), func(i int) string {
		return fmt.Sprintf("%s %s with status %d", all[i].want.row, all[i].name, all[i].status)
	}, func(t *testing.T, i int) {
		q := p.forTest(t)
		b := newKMSBucket(q, fmt.Sprintf("named-%d--local-az1--x-s3", i), k.newKey(t))
		k.set(b.key, kmsSays(all[i].name, all[i].status, b.key+" says no"))
		a := q.do(&rawRequest{method: "PUT", path: b.path("object"), body: "body"})
		if want := all[i].want; a.StatusCode != want.status || a.code() != want.code || q.rowOf(a) != want.row {
			t.Errorf("%d %s (%s), want %+v", a.StatusCode, a.body, q.rowOf(a), want)
		}
		b.has("afterwards", "")
	})
}
