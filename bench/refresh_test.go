package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A relay passes calls on as they are, late, and knows which were in flight when.
func TestARelayIsLateAndCounts(t *testing.T) {
	t.Parallel()
	const latency = 60 * time.Millisecond
	var host string
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Told", r.Host)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(text))
	}))
	t.Cleanup(service.Close)
	relay, err := startRelay(service.URL, latency)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.close)
	host = strings.TrimPrefix(relay.url, "http://")
	ask := func(name string) span {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, relay.url+"/",
			strings.NewReader("body of "+name))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "TrentService."+name)
		r.Header.Set("Authorization", "signed")
		asked := span{begin: time.Now()}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		asked.end = time.Now()
		if err != nil || answer.StatusCode != http.StatusBadRequest || string(text) != "POST / signed body of "+name ||
			answer.Header.Get("X-Told") != host {
			t.Errorf("%s: %d %q to host %q, %v", name, answer.StatusCode, text, answer.Header.Get("X-Told"), err)
		}
		if asked.took() < latency {
			t.Errorf("%s: answered after %s", name, asked.took())
		}
		// it ends after its answer
		for deadline := time.Now().Add(20 * time.Second); relay.underWay() > 0; asked.end = time.Now() {
			if time.Now().After(deadline) {
				t.Fatalf("%s doesn't end", name)
			}
			time.Sleep(time.Millisecond)
		}
		return asked
	}
	first, between := ask("Decrypt"), span{begin: time.Now()}
	time.Sleep(time.Millisecond)
	between.end = time.Now()
	second := ask("GenerateDataKey")
	third := ask("DescribeKey")
	began := relay.calls[0].begin
	for _, test := range []struct {
		name string
		in   span
		want string
	}{
		{"the first", first, "Decrypt"},
		{"a moment of the first", span{began.Add(1), began.Add(2)}, "Decrypt"},
		{"between two", between, ""},
		{"the last two", span{second.begin, third.end}, "GenerateDataKey DescribeKey"},
		{"all", span{first.begin.Add(-time.Hour), third.end.Add(time.Hour)}, "Decrypt GenerateDataKey DescribeKey"},
		{"before", span{first.begin.Add(-time.Hour), first.begin}, ""},
		{"after", span{time.Now(), time.Now().Add(time.Hour)}, ""},
	} {
		var names []string
		for _, c := range relay.during(test.in) {
			names = append(names, c.name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("during %s: %q, want %q", test.name, got, test.want)
		}
	}
	relay.begin("Decrypt") // and doesn't end
	now := time.Now()
	if list := relay.during(span{now, now.Add(time.Second)}); len(list) != 1 {
		t.Errorf("of one that is in flight: %v", list)
	}
	if list := relay.during(between); len(list) != 0 {
		t.Errorf("before it began: %v", list)
	}
}

func (r *relay) underWay() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if c.end.IsZero() {
			n++
		}
	}
	return n
}

// Requests that were in flight with a call are distinguished from the others, and what must not be is a fault.
func TestRequestsBesideCallsAreToldApart(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	at := func(from, to int) span {
		return span{begin.Add(time.Duration(from) * time.Millisecond), begin.Add(time.Duration(to) * time.Millisecond)}
	}
	calls := []call{{"Decrypt", at(100, 300)}, {"GenerateDataKey", at(200, 400)}, {"DescribeKey", at(600, 800)}}
	c := &cell{Operation: opPut, Size: smallObject, Concurrency: 8, Rate: 100}
	watches := []*watch{{cell: c, name: calm}, {cell: c, name: refreshed}}
	watches[0].add(&result{Requests: 3, P999: 2000, spans: []span{at(0, 2)}}, nil, 200*time.Millisecond)
	v := &vigil{rounds: 1}
	watches[1].add(&result{
		Requests: 5, P999: 3000, Max: 250_000, spans: []span{
			at(0, 10), at(90, 340), at(399, 402), at(600, 610), at(700, 950),
		},
	}, calls, 200*time.Millisecond)
	w := watches[1]
	if w.beside.late != 1 || w.beside.latencies.TotalCount() != 2 || w.apart.late != 1 ||
		w.apart.latencies.TotalCount() != 3 || w.keyCalls() != 2 || w.otherCalls() != 1 {
		t.Errorf("%+v", w)
	}
	text := v.report(&outcome{}, watches)
	for _, want := range []string{
		"default life: 0\n", "| refreshed | 5 | 0.00 | 0.00 | 3.00 | 250 | 0 | 1 | 1 | 1 | 0 |",
		"| refreshed | 2 | 250 | 250 | 1 | 250 | 250 | 1 |", "| default | 0 | – | – | – | 2.00 | 2.00 | 0 |",
		"| 1.50 | 1.50–1.50 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report doesn't have %q:\n%s", want, text)
		}
	}
	if err := v.faults(watches); err != nil {
		t.Error(err)
	}
	if err := v.faults(watches[:1]); err == nil || !strings.Contains(err.Error(), "nothing is shown") {
		t.Errorf("without a refresh: %v", err)
	}
	w.add(&result{Errors: 2, Failure: "503", waited: 4}, nil, 0)
	err := v.faults(watches)
	if err == nil || !strings.Contains(err.Error(), "2 requests failed: 503") ||
		!strings.Contains(err.Error(), "4 requests had to wait") {
		t.Errorf("with failures: %v", err)
	}
}

// The real programs, for seconds. A key that lives 6 s is fetched again in its last 1.2. On a machine that stands still
// for them a request has to wait, and the command rightly fails; three times in a row it would be the program's doing.
func TestNoRequestWaitsForARefresh(t *testing.T) {
	t.Parallel()
	var report string
	for try := range 3 {
		var err error
		if report, err = trySmall(
			t, "runs three programs under load for a while; SEALFRONT_E2E=require does, and package keyring's tests "+
				"show who waits",
			"refresh", "-rounds", "1", "-time", "6s", "-warm-up", "50ms", "-rate", "100", "-connections", "2",
			"-lifetime", "6s", "-seal-for", "1h", "-kms-latency", "50ms"); err == nil {
			break
		}
		if try == 2 || !strings.Contains(err.Error(), "had to wait for the key service") ||
			strings.Contains(err.Error(), "requests failed") {
			t.Fatalf("%v\n%s", err, report)
		}
		t.Logf("once more: %v", err)
	}
	mustReport(t, report, "were warm and of the default life: 0\n", "\n| PUT 4 KiB ×2 100/s | refreshed |",
		"\n| GET 4 KiB ×2 100/s | default |")
}
