package status_test

import (
	"fmt"
	"sync"
	"testing"

	"sealfront/proxy/metrics"
	"sealfront/proxy/status"
)

// The last failures are kept, the newest first, and refusals without end push none of them out.
func TestTheLastFailuresAreKept(t *testing.T) {
	var f status.Failures
	if failed, refused := f.Last(); len(failed) != 0 || len(refused) != 0 {
		t.Errorf("%v, %v before there were any", failed, refused)
	}
	for i := range status.KeptFailures + 5 {
		f.Add(status.Failure{Request: fmt.Sprint(i), Status: 500, Row: "G-1"})
	}
	for i := range 10 * status.KeptFailures {
		f.Add(status.Failure{Request: fmt.Sprint(i), Status: 403})
	}
	f.Add(status.Failure{Request: "by design", Status: 501})
	failed, refused := f.Last()
	if len(failed) != status.KeptFailures || failed[0].Request != fmt.Sprint(status.KeptFailures+4) ||
		failed[status.KeptFailures-1].Request != "5" {
		t.Errorf("%d failures: %+v", len(failed), failed)
	}
	if len(refused) != status.KeptFailures || refused[0].Request != "by design" {
		t.Errorf("%d refusals: %+v", len(refused), refused)
	}
	s := sources(status.NewHistory(metrics.New().Snapshot, nil))
	s.Failures = &f
	r, err := s.Report(t.Context())
	if err != nil || r.Failures[0].Why != "why G-1" || r.Refused[0].Why != "" || failed[0].Why != "" {
		t.Errorf("%+v, %v", r.Failures[0], err)
	}
}

func TestFailuresOfManyRequestsAtOnce(t *testing.T) {
	var f status.Failures
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				f.Add(status.Failure{Status: 503})
				f.Last()
			}
		})
	}
	all.Wait()
	if failed, refused := f.Last(); len(failed) != status.KeptFailures || len(refused) != 0 {
		t.Errorf("%d, %d", len(failed), len(refused))
	}
}
