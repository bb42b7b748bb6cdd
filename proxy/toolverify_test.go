package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/crypto"
	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

// scrubbed is how many objects the scrub's test has; its full size is asked for by the environment.
func scrubbed(t *testing.T) int {
	if text := os.Getenv("SEALFRONT_VERIFY_OBJECTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 100 {
			t.Fatalf("SEALFRONT_VERIFY_OBJECTS=%q is not a number from 100 on", text)
		}
		return n
	}
	return 100
}

// The command reports each object that was damaged, and no other; package tools tests each kind of damage.
func TestVerifyReportsWhatIsDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	d := &proxytest.Damager{T: t, Dir: dir, Bucket: bucket}
	body := proxytest.RandomBytes(3*crypto.SegmentSize - 1000) // three segments
	put := func(key string, body []byte) {
		if _, err := client.PutObject(t.Context(),
			&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
			t.Errorf("PUT %s: %v", key, err)
		}
	}
	damages := map[string]func(key string){
		"segment":  func(key string) { d.Bytes(key, proxytest.FlipAt(100)) },
		"trailer":  func(key string) { d.Bytes(key, proxytest.FlipAt(-40)) },
		"envelope": func(key string) { d.Envelope(key, func(b []byte) { proxytest.FlipAt(-1)(b) }) },
		"renamed": func(key string) {
			if err := os.Rename(d.File(key), d.File(key+" moved")); err != nil {
				t.Fatal(err)
			}
		},
	}
	keys := make(chan string)
	var putting sync.WaitGroup
	for range 4 {
		putting.Go(func() {
			for key := range keys {
				size, _ := strconv.Atoi(key[len("whole/"):])
				put(key, body[:size%5*100])
			}
		})
	}
	n := scrubbed(t)
	for i := range n - len(damages) {
		keys <- fmt.Sprintf("whole/%05d", i)
	}
	close(keys)
	putting.Wait()
	for name := range damages {
		put("damaged/"+name, body)
	}
	proxytest.StoredMetadata(t, d.File("damaged/segment")) // or skip
	began := time.Now()
	if out, errs, status := proxytest.Subcommand(t, "verify", "--data", dir, "s3://"+bucket); status != command.StatusOK ||
		out != "" {
		t.Fatalf("before the damage: status %d\n%s%s", status, out, errs)
	}
	t.Logf("%d objects were verified in %v", n, time.Since(began).Round(time.Millisecond))

	var want []string
	for name, damage := range damages {
		damage("damaged/" + name)
		if name == "renamed" {
			name += " moved"
		}
		want = append(want, "s3://"+bucket+"/damaged/"+name)
	}
	slices.Sort(want)
	out, errs, status := proxytest.Subcommand(t, "verify", "s3://"+bucket, "--data", dir, "--json", "--concurrency", "4")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	found := map[string]tools.Finding{}
	for _, line := range lines[:len(lines)-1] {
		var f tools.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err, line)
		}
		found[f.URI] = f
		if f.State != "damaged" || f.Kind == "" || f.Reason == "" {
			t.Errorf("%s", line)
		}
		if strings.Contains(line, base64.StdEncoding.EncodeToString(body[:30])) {
			t.Errorf("%s has plaintext in its report", f.URI)
		}
	}
	if got := slices.Sorted(maps.Keys(found)); status != command.StatusError || !slices.Equal(got, want) {
		t.Errorf("status %d; found\n%s\nwant\n%s\n%s", status, strings.Join(got, "\n"), strings.Join(want, "\n"), errs)
	}
	var sum tools.VerifyReport
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil ||
		!reflect.DeepEqual(sum, tools.VerifyReport{Checked: int64(n), Damaged: int64(len(damages))}) {
		t.Errorf("%+v, %v: %s", sum, err, lines[len(lines)-1])
	}

	// A prefix without damage, and a walk that goes on where another one was.
	if out, errs, status := proxytest.Subcommand(t, "verify", "--data", dir,
		"s3://"+bucket+"/whole"); status != command.StatusOK || out != "" {
		t.Errorf("a prefix that is whole: status %d\n%s%s", status, out, errs)
	}
	resume := filepath.Join(t.TempDir(), "resume")
	after := "damaged/" + "envelope"
	write := func(text string) {
		if err := os.WriteFile(resume, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf(`{"walk":"verify s3://%s/","after":%q,"done":1,"failed":1}`, bucket, after))
	out, errs, status = proxytest.Subcommand(t, "verify", "--data", dir, "--resume", resume, "s3://"+bucket)
	if got := strings.Count(out, "\n"); status != command.StatusError || got != len(damages)-1 ||
		strings.Contains(out, after+":") {
		t.Errorf("resumed: status %d, %d lines, want %d\n%s%s", status, got, len(damages)-1, out, errs)
	}
	if _, err := os.Stat(resume); err == nil {
		t.Error("the resume file outlives its walk")
	}
	write(`{"walk":"verify s3://other/"}`)
	if _, _, status := proxytest.Subcommand(t, "verify", "--data", dir, "--resume", resume,
		"s3://"+bucket); status != command.StatusUsage {
		t.Errorf("a resume file of another walk: status %d", status)
	}
	for name, args := range map[string][]string{
		"no bucket": {"verify", "--data", dir}, "no URI": {"verify", "--data", dir, bucket},
		"a wrong flag": {"verify", "--dat", dir, "s3://b"},
	} {
		if _, _, status := proxytest.Subcommand(t, args...); status != command.StatusUsage {
			t.Errorf("%s: status %d", name, status)
		}
	}
	// Shards share the bucket; in a job each says how far it is, and writes metrics.
	sharded := 0
	metricsFile := filepath.Join(t.TempDir(), "verify.prom")
	for _, shard := range []string{"1/2", "2/2"} {
		_, errs, _ := proxytest.Subcommand(t, "verify", "--data", dir, "--shard", shard, "--metrics-file", metricsFile,
			"s3://"+bucket)
		var done int
		if _, summary, ok := strings.Cut(errs, "\nshard "+shard+": "); !ok ||
			!strings.Contains(errs, `"msg":"progress"`) || !strings.Contains(errs, `"msg":"ended"`) {
			t.Errorf("shard %s: %s", shard, errs)
		} else if _, err := fmt.Sscanf(summary, "%d objects checked", &done); err != nil {
			t.Error(err)
		}
		sharded += done
		if text, err := os.ReadFile(metricsFile); err != nil ||
			!strings.Contains(string(text),
				fmt.Sprintf("shard=%q,target=%q,tool=\"verify\"} %d\n", shard, "s3://"+bucket, done)) {
			t.Errorf("%s, %v", text, err)
		}
	}
	if sharded != n {
		t.Errorf("two shards have %d objects of %d", sharded, n)
	}
	if _, errs, status := proxytest.Subcommand(t, "verify", "--data", dir, "--metrics-file",
		filepath.Join(dir, "none", "m.prom"), "s3://"+bucket); status != command.StatusError ||
		!strings.Contains(errs, "write the metrics file") || strings.Contains(errs, "checked") {
		t.Errorf("metrics that can't be written: status %d, %s", status, errs)
	}
	if _, errs, status := proxytest.Subcommand(t, "verify", "--data", dir, "s3://none"); status != command.StatusError ||
		!strings.Contains(errs, "none") {
		t.Errorf("no such bucket: status %d, %s", status, errs)
	}
}
