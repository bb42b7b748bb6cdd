package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const faultyBucket = "faults--usw2-az1--x-s3"

// told is what a client was told: an acknowledgement, or what the refusal said.
type told struct {
	ok   bool
	says string
}

func toldBy(a *proxytest.Answer) told {
	switch {
	case a.Err != nil && a.StatusCode == 0:
		return told{says: "no answer"}
	case a.Err != nil:
		return told{says: fmt.Sprint(a.StatusCode, ", broken off")}
	case a.StatusCode/100 == 2 && a.Code() == "":
		return told{ok: true, says: fmt.Sprint(a.StatusCode)}
	}
	return told{says: fmt.Sprint(a.StatusCode, " ", a.Code())}
}

func toldError(err error) told {
	if err == nil {
		return told{ok: true, says: "200"}
	}
	if c := proxytest.Code(err); len(c) < 40 {
		return told{says: c}
	}
	return told{says: "no answer"}
}

// A faultCase is a row while it is played: a key of its own and the contents that the model knows of.
type faultCase struct {
	*faultRun
	key      string
	old, new string
	upload   *proxytest.Uploader
	lies     bool // the store says what isn't so: Complete may find it out, and then refuses
}

type faultRun struct {
	t      *testing.T
	f      *proxytest.StoreFront
	p      *proxytest.Program
	client *s3.Client
	kmsKey string            // under which updates of the encryption seal
	kept   map[string]string // every object that must be there at the end
	big    []byte
}

// A faultOperation is something a client does, and the model of what must hold afterwards.
type faultOperation struct {
	name    string
	prepare func(c *faultCase)
	do      func(c *faultCase) told
	// holds looks at the store through a program without faults and names what is there; bad, if not empty, says how it
	// breaks a promise.
	holds func(c *faultCase, t told) (holds, bad string)
	// done are refusals of a second attempt which say that the first was carried out.
	done []string
}

const absent = "\x00absent"

// read returns an object's contents through the program, absent, or why it can't be read.
func (c *faultCase) read(key string) (body, problem string) {
	a := c.p.Do(&proxytest.Request{Method: "GET", Path: "/" + faultyBucket + "/" + key})
	switch {
	case a.StatusCode == 404 && a.Code() == "NoSuchKey":
		return absent, ""
	case a.StatusCode != 200 || a.Err != nil:
		return "", fmt.Sprintf("%s can't be read: %d %s %v", key, a.StatusCode, a.Code(), a.Err)
	}
	return a.Text, ""
}

// oldOrNew is the model of a write: what was acknowledged is there; what was not is there as a whole or not at all.
func oldOrNew(c *faultCase, t told) (holds, bad string) {
	body, problem := c.read(c.key)
	switch {
	case problem != "":
		return "damage", problem
	case body == c.new:
		c.kept[c.key] = c.new
		if c.new == absent {
			return "nothing", ""
		}
		return "new", ""
	case t.ok:
		return "old", "acknowledged, and not there"
	case body == c.old:
		if c.old == absent {
			return "nothing", ""
		}
		return "old", ""
	}
	return "other", fmt.Sprintf("neither the old nor the new: %d bytes", len(body))
}

// play is one row: the fault hits the step-th request that the operation makes to the store.
func (r *faultRun) play(op *faultOperation, fault *proxytest.StoreFault, step int) (told, string, bool) {
	r.t.Helper()
	c := &faultCase{faultRun: r, key: fmt.Sprintf("k%d", nextStart()), lies: fault.Lies}
	if op.prepare != nil {
		op.prepare(c)
	}
	armed := r.f.Arm(fault, step)
	t := op.do(c)
	r.f.Set(nil, nil)
	hit, steps := armed.WasHit()
	if !hit {
		return t, "", false
	}
	where := fmt.Sprintf("%s × %s, request %d (%s)", fault.Name, op.name, step, steps[step-1].Name)
	holds, bad := op.holds(c, t)
	if bad != "" {
		r.t.Errorf("%s: the client was told %q: %s", where, t.says, bad)
	}
	if fault.Harmless && (!t.ok || t.says == "200, keys missing") {
		r.t.Errorf("%s: the client was told %q", where, t.says)
	}
	if t.says == "200, keys missing" && !fault.Undetectable {
		r.t.Errorf("%s: a listing omits keys and says it is complete", where)
	}
	r.again(op, c, where, t, holds)
	return t, holds, true
}

// again has the client try once more: whoever does gets there.
func (r *faultRun) again(op *faultOperation, c *faultCase, where string, t told, holds string) {
	r.t.Helper()
	second := op.do(c)
	finished := second.ok
	for _, says := range op.done {
		finished = finished || second.says == says
	}
	if !finished {
		r.t.Errorf("%s: told %q, holds %s; tried again: %q", where, t.says, holds, second.says)
	}
	if after, bad := op.holds(c, second); bad != "" && second.ok {
		r.t.Errorf("%s: tried again, holds %s: %s", where, after, bad)
	}
}

// steps counts an operation's requests to the store.
func (r *faultRun) steps(op *faultOperation) []proxytest.StoreStep {
	r.t.Helper()
	c := &faultCase{faultRun: r, key: fmt.Sprintf("k%d", nextStart())}
	op.prepare(c)
	counted := r.f.Arm(nil, 0)
	t := op.do(c)
	r.f.Set(nil, nil)
	if _, bad := op.holds(c, t); !t.ok || bad != "" {
		r.t.Errorf("%s without a fault: %q %s", op.name, t.says, bad)
	}
	_, steps := counted.WasHit()
	return steps
}

// Traps 18 and 24: every fault of the store at the requests of every operation. No row loses or damages what was
// acknowledged, or shows what was not except as a whole. With SEALFRONT_FAULTS=all the fault hits each request in turn,
// else one of them a row.
func TestFaultsOfTheStore(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	r := &faultRun{
		t: t, f: f, p: proxytest.StartBehind(t, f, ""), kept: make(map[string]string),
		big: proxytest.RandomBytes(5 * proxytest.MiB),
	}
	r.client = r.p.Client(t)
	if a := r.p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + faultyBucket,
		Body: strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", "usw2-az1", 1),
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	all := os.Getenv("SEALFRONT_FAULTS") == "all"
	rows := make(map[string]int)
	goroutines := 0
	ops := faultOperations()
	for n := range ops {
		op := &ops[n]
		steps := r.steps(op)
		if n == 0 {
			goroutines = r.p.Metric("go_goroutines")
		}
		for i := range proxytest.StoreFaults {
			fault := &proxytest.StoreFaults[i]
			var at []int
			for step := range steps {
				if fault.Applies == nil || fault.Applies(steps[step]) {
					at = append(at, step+1)
				}
			}
			if !all && len(at) > 0 {
				at = []int{at[(n+i)%len(at)]}
			}
			for _, step := range at {
				told, holds, hit := r.play(op, fault, step)
				if !hit { // records are cached for a while: an operation may need fewer requests than it did
					continue
				}
				rows[fmt.Sprintf("%s\t%s\t%d %s\t%s\t%s", op.name, fault.Name, step, steps[step-1].Name, told.says, holds)]++
			}
		}
	}
	if len(rows) < 8*len(ops) {
		t.Errorf("only %d rows were played", len(rows))
	}
	for key, want := range r.kept {
		c := &faultCase{faultRun: r}
		if body, problem := c.read(key); problem != "" || body != want {
			t.Errorf("at the end: %s is not what was acknowledged: %d bytes, want %d %s", key, len(body), len(want), problem)
		}
	}
	r.settles(goroutines)
	printTable(t, storeTable, rows)
}

// settles waits until what the faults have held up is gone.
func (r *faultRun) settles(goroutines int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now := r.p.Metric("go_goroutines")
		if now <= goroutines+20 {
			return
		}
		select {
		case <-ctx.Done():
			r.t.Errorf("%d goroutines are left, %d at the start", now, goroutines)
			return
		case <-tick.C:
		}
	}
}

// storeTable is the head of a table of faults of the store.
const storeTable = "operation\tfault\trequest hit\tthe client saw\tthe store holds"

func printTable(t *testing.T, head string, rows map[string]int) {
	t.Helper()
	lines := make([]string, 0, len(rows))
	for row := range rows {
		lines = append(lines, row)
	}
	sort.Strings(lines)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
	_ = w.Flush()
	t.Logf("%d rows\n%s", len(lines), b.String())
}
