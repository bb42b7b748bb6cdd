package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// The drills: what an operator sees in an incident, from the first seconds on. OPERATING.md has a chapter for each.

func TestDrillKMSRefuses(t *testing.T) {
	t.Parallel()
	d, _, kms := startDrill(t, "", "")
	kms.Set("", proxytest.KMSSays("AccessDeniedException", 400, "no"))
	d.health("kms", "refusing", 200)
	d.play(alerts{must: []string{"SealfrontKMSRefuses"}, may: []string{"SealfrontKeyUnusable"}})
	proxytest.Eventually(t, "the end of the bucket key's life", func() bool {
		code, _ := d.ask("PUT",
			drillPath+"0")
		return code != ""
	})
	d.gets("PUT", "403 AccessDenied", 5*time.Second)
}

func TestDrillKMSHangs(t *testing.T) {
	t.Parallel()
	d, _, kms := startDrill(t, "", "")
	kms.Set("", proxytest.KMSHangs)
	d.health("kms", "hanging", 200)
	d.play(alerts{must: []string{"SealfrontKMSHangs"}, may: []string{
		"SealfrontOutage", "SealfrontErrorBudgetIn2Days", "SealfrontErrorBudgetIn5Days",
	}})
	proxytest.Eventually(t, "the end of the bucket key's life", func() bool {
		code, _ := d.ask("PUT",
			drillPath+"0")
		return code != ""
	})
	d.gets("PUT", "503 ServiceUnavailable", 10*time.Second)
}

// One key of a bucket is disabled: KMS itself is well.
func TestDrillAKeyIsDisabled(t *testing.T) {
	t.Parallel()
	d, _, kms := startDrill(t, "", "")
	kms.Set(d.key, proxytest.KMSSays("DisabledException", 400, "disabled"))
	proxytest.Eventually(t, "the end of the bucket key's life", func() bool {
		code, _ := d.ask("PUT",
			drillPath+"0")
		return code != ""
	})
	d.fault = len(d.samples)
	d.health("kms", "well", 200)
	d.gets("PUT", "400 KMS.DisabledException", 5*time.Second)
	d.run(faultTicks)
	d.firing(faultTicks, alerts{must: []string{"SealfrontKeyUnusable"}})
}

func TestDrillTheStoreRefuses(t *testing.T) {
	t.Parallel()
	d, front, _ := startDrill(t, "", "")
	front.Set(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }, nil)
	d.health("store", "refusing", 200)
	d.gets("GET", "503 ServiceUnavailable", 5*time.Second)
	d.play(storeDown("SealfrontStoreRefuses"))
}

func TestDrillTheStoreIsAway(t *testing.T) {
	t.Parallel()
	d, front, _ := startDrill(t, "", "")
	_ = front.Close()
	d.health("store", "away", 200)
	d.gets("GET", "503 ServiceUnavailable", 5*time.Second)
	d.play(storeDown("SealfrontStoreAway"))
}

func TestDrillTheStoreHangs(t *testing.T) {
	t.Parallel()
	d, front, _ := startDrill(t, "", "")
	front.Set(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, nil)
	d.gets("GET", "503 ServiceUnavailable", 10*time.Second) // after store.timeout
	d.health("store", "hanging", 200)
	refused := 0
	for range 20 {
		if code, took := d.ask("GET", drillPath+"0"); code == "503 SlowDown" && took < 800*time.Millisecond {
			refused++
		}
	}
	if refused < 15 {
		t.Errorf("%d of 20 requests were answered at once", refused)
	}
	d.play(storeDown("SealfrontStoreHangs"))
	front.Set(nil, nil)
	proxytest.Eventually(t, "recovery", func() bool { code, _ := d.ask("GET", drillPath+"0"); return code == "" })
	d.health("store", "well", 200)
}

// storeDown is what a store that answers nobody alerts: the outage itself, and why.
func storeDown(why string) alerts {
	return alerts{
		must: []string{"SealfrontOutage", why}, may: []string{"SealfrontErrorBudgetIn2Days", "SealfrontErrorBudgetIn5Days"},
	}
}

// A store that takes its time is nobody's outage.
func TestDrillTheStoreIsSlow(t *testing.T) {
	t.Parallel()
	d, front, _ := startDrill(t, "", "")
	front.Set(func(http.ResponseWriter, *http.Request) bool {
		time.Sleep(100 * time.Millisecond)
		return false
	}, nil)
	d.run(faultTicks)
	d.firing(faultTicks, alerts{})
	d.gets("GET", "", 5*time.Second)
}

func TestDrillTheStoreIsFull(t *testing.T) {
	t.Parallel()
	d, front, _ := startDrill(t, "", "")
	front.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" {
			w.WriteHeader(507)
		}
		return r.Method == "PUT"
	}, nil)
	d.gets("PUT", "503 ServiceUnavailable", 5*time.Second)
	d.gets("GET", "", 5*time.Second)
	d.run(faultTicks)
	d.firing(faultTicks, alerts{
		must: []string{"SealfrontStoreFull"},
		may:  []string{"SealfrontOutage", "SealfrontErrorBudgetIn2Days", "SealfrontErrorBudgetIn5Days"},
	})
}

func TestDrillACertificateExpires(t *testing.T) {
	t.Parallel()
	a := proxytest.NewAuthority(t)
	issueDrill(t, a, 90*24*time.Hour)
	d, _, _ := startDrill(t, drillTLS(a), a.File)
	d.quiet = true // no client connects any more
	d.traffic.Wait()
	issueDrill(t, a, time.Second) // and what renews certificates has made one that is soon over
	d.p.HangUp()
	d.fault = len(d.samples)
	d.health("certificates", "refusing", 503)
	d.play(alerts{
		must: []string{"SealfrontCertificateExpired", "SealfrontNotReady"}, may: []string{"SealfrontCertificateExpiresSoon"},
	})
}

// The receiver of the audit log goes away; of a full disk package audit has tests, which need one.
func TestDrillTheAuditLogCantBeWritten(t *testing.T) {
	t.Parallel()
	receiver, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	var end sync.Mutex
	var open []net.Conn
	go func() {
		for {
			c, err := receiver.Accept()
			if err != nil {
				return
			}
			end.Lock()
			open = append(open, c)
			end.Unlock()
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	d, _, _ := startDrill(t,
		fmt.Sprintf("log: {audit: {sink: socket, address: %q, max_wait: 2s}}\n", "unix://"+receiver.Addr().String()), "")
	_ = receiver.Close()
	end.Lock()
	for _, c := range open {
		_ = c.Close()
	}
	end.Unlock()
	d.gets("PUT", "", 5*time.Second)
	d.health("audit", "refusing", 200)
	d.play(alerts{must: []string{"SealfrontAuditFailing"}, may: []string{"SealfrontAuditLost"}})
	d.gets("PUT", "", 5*time.Second) // on_failure: continue
}

func TestDrillTheConfigurationVanishes(t *testing.T) {
	t.Parallel()
	d, _, _ := startDrill(t, "", "")
	if err := os.Remove(d.p.Args[len(d.p.Args)-1]); err != nil {
		t.Fatal(err)
	}
	d.p.HangUp()
	d.health("configuration", "due", 200)
	d.gets("PUT", "", 5*time.Second)
	d.run(faultTicks)
	d.firing(faultTicks, alerts{must: []string{"SealfrontReloadRefused"}})
}

func TestDrillClocksAreApart(t *testing.T) {
	t.Parallel()
	d, front, _ := startDrill(t, "", "")
	front.Set(nil, func(r *http.Response) {
		r.Header.Set("Date", time.Now().Add(-6*time.Minute).UTC().Format(http.TimeFormat))
	})
	d.run(2 * faultTicks)
	d.gets("GET", "", 5*time.Second)
	d.firing(2*faultTicks, alerts{must: []string{"SealfrontClockSkew"}, may: []string{"SealfrontClockWrong"}})
}

// One of two replicas is killed: the other goes on, and nobody is paged.
func TestDrillAReplicaIsKilled(t *testing.T) {
	t.Parallel()
	d, _, _ := startDrill(t, "", "", proxytest.As(proxytest.Processes))
	d.other = d.p
	d.p = d.again()
	d.run(2)
	d.other.Kill()
	d.fault = len(d.samples)
	d.gets("GET", "", 5*time.Second)
	d.run(2 * faultTicks)
	d.firing(pagesWithin, alerts{})
	d.firing(2*faultTicks, alerts{must: []string{"SealfrontReplicaDown"}})
}

// One call of KMS that is repeated, or one lost request to the store, pages nobody.
func TestDrillOneFailureIsNone(t *testing.T) {
	t.Parallel()
	d, front, kms := startDrill(t, "", "")
	var met, lost atomic.Bool
	kms.Set("", func(w http.ResponseWriter, r *http.Request, action string, serve http.HandlerFunc) {
		if met.CompareAndSwap(false, true) {
			proxytest.KMSResets(w, r, action, serve)
			return
		}
		serve(w, r)
	})
	front.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "PUT" || !lost.CompareAndSwap(false, true) {
			return false
		}
		w.WriteHeader(503)
		return true
	}, nil)
	d.play(alerts{})
	if !met.Load() || !lost.Load() {
		t.Error("nothing was played")
	}
}
