package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// The store's own suite takes the access key for the owner's id, which is an account's number here.
const suiteAccount, suiteSecret = "123456789012", "suite-secret"

// suiteTests is how many tests the suite has at least, suitePasses how many the store alone passes, so that a run that
// broke off or went wrong on both sides isn't taken for a good one.
const suiteTests, suitePasses = 700, 650

// TestTheStoresOwnSuite runs the tests that versitygw brings along, of S3 as its users expect it, against versitygw
// alone and against versitygw behind the program. What passes alone has to pass behind the program, but for the
// differences that testdata/differences.txt explains.
func TestTheStoresOwnSuite(t *testing.T) {
	if os.Getenv("SEALFRONT_E2E") != "require" {
		t.Skip("the store's own suite takes minutes; SEALFRONT_E2E=require runs it")
	}
	t.Parallel() // it mostly waits for retentions to end
	binary, err := filepath.Abs(proxytest.ProgramPath(t, "versitygw"))
	if err != nil {
		t.Fatal(err)
	}
	var runs [2]map[string]string
	t.Run("runs", func(t *testing.T) {
		for i, endpoint := range []string{startVersioned(t, binary), startSuiteProgram(t, binary)} {
			t.Run([]string{"alone", "behind the program"}[i], func(t *testing.T) {
				t.Parallel()
				runs[i] = runSuite(t, binary, endpoint, "full-flow")
			})
		}
	})
	if t.Failed() {
		return
	}
	explanations := readDifferences(t, filepath.Join("testdata", "differences.txt"))
	alone := 0
	var both, wording int
	var unexplained []string
	for _, name := range slices.Sorted(maps.Keys(runs[0])) {
		fault, ran := runs[1][name]
		if runs[0][name] == "" {
			alone++
		}
		switch {
		case runs[0][name] != "": // the store alone doesn't pass it, today
			if e := explanationOf(explanations, name); e != nil && fault != "" {
				e.idle = true
			}
		case !ran:
			t.Errorf("%s: passes alone, and did not run behind the program", name)
		case fault == "":
			both++
		case onlyWording(fault):
			wording++
			t.Logf("wording: %s: %s", name, fault)
		default:
			if e := explanationOf(explanations, name); e != nil {
				e.used = append(e.used, name)
				t.Logf("explained: %s: %s", name, fault)
			} else {
				unexplained = append(unexplained, name)
			}
		}
	}
	var faults []string // told last, where a long log is not cut
	for _, name := range unexplained {
		if again := runOnce(t, binary, name); again == "" {
			both++
			t.Logf("passed when it was run again: %s: %s", name, runs[1][name])
		} else {
			faults = append(faults, fmt.Sprintf("unexplained: %s: %s; again: %s", name, runs[1][name], again))
		}
	}
	if alone < suitePasses {
		faults = append(faults, fmt.Sprintf("the store alone passes %d tests, fewer than %d", alone, suitePasses))
	}
	for _, e := range explanations {
		if len(e.used) == 0 && !e.idle && !differsNow(t, binary, e, runs[1]) {
			faults = append(faults,
				fmt.Sprintf("testdata/differences.txt, line %d: %s explains no difference", e.line, e.pattern))
		}
	}
	t.Log("\n" + differencesTable(len(runs[0]), alone, both, wording, explanations))
	for _, fault := range faults {
		t.Error(fault)
	}
}

// startSuiteProgram starts the program before a store of its own, and returns where the suite reaches it.
func startSuiteProgram(t *testing.T, binary string) string {
	t.Helper()
	p := proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
region: us-east-1
account: %[1]q
store: {kind: s3, endpoint: %[2]q, access_key: %[1]q, secret_key: %[3]s}
kms: {kind: embedded}
compat: {post_object: true}
limits: {failed_logins: {rate: 0}}
log: {level: warn}
data: %[4]s
identities:
- {name: app, access_key: %[1]q, secret_key: %[3]s, policy: [{effect: Allow, action: "*", resource: "*"}]}
`, suiteAccount, startVersioned(t, binary), suiteSecret, t.TempDir()))
	return startSuiteFront(t, p.Env["SEALFRONT_HTTP_URL"])
}

// startVersioned starts versitygw with versions, of which its tests of versions want to hear.
func startVersioned(t *testing.T, binary string) string {
	t.Helper()
	address := proxytest.Loopback(t)
	proxytest.StartServer(t, address, nil, binary, "--port", address, "--access", suiteAccount, "--secret", suiteSecret,
		"--quiet",
		"posix", "--versioning-dir", t.TempDir(), t.TempDir())
	return "http://" + address
}

// startSuiteFront passes connections on, byte by byte but for what the suite can't do without: it looks into
// x-amz-object-size of every PutObject's answer, which Amazon S3 has for appends only, and for a checksum algorithm of
// every object that is listed, and breaks off where it is missing.
func startSuiteFront(t *testing.T, endpoint string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return // the test has ended
			}
			go passOn(client, strings.TrimPrefix(endpoint, "http://"))
		}
	}()
	return "http://" + ln.Addr().String()
}

var lengthLine = regexp.MustCompile(`(?m)^Content-Length: (\d+)`)

// withAlgorithms puts an algorithm that isn't one into a listing, as a whole answer in one piece.
func withAlgorithms(answer []byte) []byte {
	const end, none = "</Contents>", "<ChecksumAlgorithm>NONE</ChecksumAlgorithm><ChecksumType>NONE</ChecksumType>"
	n := bytes.Count(answer, []byte(end))
	length := lengthLine.FindSubmatch(answer)
	if n == 0 || length == nil {
		return answer
	}
	size, _ := strconv.Atoi(string(length[1])) // digits
	answer = lengthLine.ReplaceAll(answer, fmt.Appendf(nil, "Content-Length: %d", size+n*len(none)))
	return bytes.ReplaceAll(answer, []byte(end), []byte(none+end))
}

// passOn ends when one side has closed its connection.
func passOn(client net.Conn, address string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		answer := buffer[:n]
		if rest, ok := bytes.CutPrefix(answer, []byte("HTTP/1.1 200 OK\r\n")); ok {
			answer = append([]byte("HTTP/1.1 200 OK\r\nX-Amz-Object-Size: 5\r\n"), withAlgorithms(rest)...)
		}
		if _, failed := client.Write(answer); err != nil || failed != nil {
			return
		}
	}
}

// didNotEnd is the fault of a test that the suite has begun and told nothing of.
const didNotEnd = "did not end"

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// runSuite runs the suite, or one test of it, and returns the tests with why they failed, "" when they passed.
func runSuite(t *testing.T, binary, endpoint, what string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	dir := t.TempDir() // it looks for itself where it is run, to manage users
	if err := os.Symlink(binary, filepath.Join(dir, "versitygw")); err != nil {
		t.Fatal(err)
	}
	log := &proxytest.Buffer{}
	cmd := exec.CommandContext(ctx, binary, "test", "-a", suiteAccount, "-s", suiteSecret, "-e", endpoint, what, "--vs")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	err := cmd.Run() // fails when a test fails
	text := colours.ReplaceAllString(log.String(), "")
	tests := readSuite(text)
	want := suiteTests
	if what != "full-flow" {
		want = 1
	}
	if len(tests) < want {
		t.Fatalf("%s: %d tests ran, of %d: %v\n%s", what, len(tests), want, err, text[max(0, len(text)-2000):])
	}
	return tests
}

// runOnce runs one test against a store and a program of its own: the suite numbers buckets from 1 in each run, and
// what a failed test leaves behind would be in the way.
func runOnce(t *testing.T, binary, name string) (fault string) {
	t.Helper()
	t.Run("again/"+name, func(t *testing.T) {
		tests := runSuite(t, binary, startSuiteProgram(t, binary), name)
		fault = tests[name]
	})
	return fault
}

// differsNow reports whether a test that e should explain fails behind the program when it is run again.
func differsNow(t *testing.T, binary string, e *explanation, tests map[string]string) bool {
	t.Helper()
	for name := range tests {
		if ok, _ := path.Match(e.pattern, name); ok && runOnce(t, binary, name) != "" {
			return true
		}
	}
	return false
}

// readSuite reads what the suite prints.
func readSuite(text string) map[string]string {
	tests := map[string]string{}
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		// What a test could not tidy up has no end of a line: the next test's begin follows.
		before, name, run := strings.Cut(line, "RUN  ")
		verdict, rest, _ := strings.Cut(before, " ")
		subject, fault, _ := strings.Cut(strings.TrimSpace(rest), ": ")
		switch {
		case verdict == "PASS":
			tests[subject] = ""
		case verdict == "FAIL":
			tests[subject] = cmp.Or(fault, "failed")
		case tests[last] == didNotEnd && strings.HasPrefix(before, last+": "):
			tests[last] = strings.TrimPrefix(before, last+": ")
		}
		if run {
			last, tests[name] = name, didNotEnd
		}
	}
	return tests
}

func TestWhatTheSuitePrintsIsRead(t *testing.T) {
	t.Parallel()
	got := readSuite("RUN  A\nPASS A\nRUN  B\nFAIL B: expected: 1\nmore\nRUN  C\nC: failed to delete the bucket: 409RUN " +
		" D\nFAIL D\nRUN  E\npanic: E\n")
	want := map[string]string{
		"A": "", "B": "expected: 1", "C": "failed to delete the bucket: 409", "D": "failed", "E": didNotEnd,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// onlyWording says whether a test failed for the text of an error's message only: the suite compares statuses and codes
// before it.
func onlyWording(fault string) bool {
	return strings.Contains(fault, "expected error message to be ")
}

// An explanation is a line of testdata/differences.txt.
type explanation struct {
	line            int
	pattern, reason string
	used            []string // the tests it explained
	idle            bool     // it would have explained one that the store alone failed, too
}

// readDifferences reads lines of the form "pattern | reason".
func readDifferences(t *testing.T, file string) []*explanation {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []*explanation
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, reason, ok := strings.Cut(line, " | ")
		if _, err := path.Match(pattern, ""); !ok || err != nil || strings.TrimSpace(reason) == "" {
			t.Fatalf("%s, line %d: not a pattern of names and a reason: %q", file, i+1, line)
		}
		list = append(list, &explanation{line: i + 1, pattern: strings.TrimSpace(pattern), reason: strings.TrimSpace(reason)})
	}
	return list
}

// explanationOf returns the first line whose pattern matches.
func explanationOf(list []*explanation, name string) *explanation {
	for _, e := range list {
		if ok, _ := path.Match(e.pattern, name); ok {
			return e
		}
	}
	return nil
}

func differencesTable(tests, alone, both, wording int, explanations []*explanation) string {
	var b strings.Builder
	fmt.Fprintf(&b,
		"%5d tests\n%5d pass against the store alone\n%5d of them pass through the program\n%5d differ in the wording of a "+
			"message only\n",
		tests, alone, both, wording)
	reasons := map[string]int{}
	var order []string
	for _, e := range explanations {
		if _, ok := reasons[e.reason]; !ok {
			order = append(order, e.reason)
		}
		reasons[e.reason] += len(e.used)
	}
	for _, reason := range order {
		fmt.Fprintf(&b, "%5d differ: %s\n", reasons[reason], reason)
	}
	return b.String()
}
