package proxytest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A Browser is Chromium, driven over a pair of pipes by its DevTools protocol. It is not safe for concurrent use.
type Browser struct {
	t       testing.TB
	in      *os.File
	out     *bufio.Reader
	calls   int
	session string // of the one tab
	// Errors are what the console said was wrong, and what the policy of a page forbade.
	Errors []string
}

// browserTime is how long the browser may live.
const browserTime = 3 * time.Minute

// StartBrowser starts Chromium, or skips the test where there is none: see ProgramPath.
func StartBrowser(t testing.TB) *Browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), browserTime)
	cmd := exec.CommandContext(ctx, ProgramPath(t, "chromium"), "--headless", "--no-sandbox", "--disable-gpu",
		"--hide-scrollbars", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		_, _ = in.Close(), out.Close()
	})
	b := &Browser{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.call("Page.enable", nil, nil)
	b.call("Runtime.enable", nil, nil)
	b.call("Log.enable", nil, nil)
	return b
}

// call calls a method of the protocol, and notes what happens meanwhile.
func (b *Browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.calls++
	if params == nil {
		params = map[string]any{}
	}
	request := map[string]any{"id": b.calls, "method": method, "params": params}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	text, err := json.Marshal(request)
	if err == nil {
		_, err = b.in.Write(append(text, 0))
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		text, err := b.out.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: the browser has ended: %v", method, err)
		}
		var answer struct {
			ID     int
			Method string
			Params json.RawMessage
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &answer); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		switch {
		case answer.Method == "Runtime.exceptionThrown", answer.Method == "Log.entryAdded" && bytes.Contains(answer.Params,
			[]byte(`"level":"error"`)):
			b.Errors = append(b.Errors, string(answer.Params))
		case answer.ID != b.calls:
		case answer.Error != nil:
			b.t.Fatalf("%s: %s", method, answer.Error.Message)
		case result == nil:
			return
		default:
			if err := json.Unmarshal(answer.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
			return
		}
	}
}

// Look makes the window this wide, in pixels, and asks pages for their light or dark colours.
func (b *Browser) Look(width int, dark bool) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false,
	}, nil)
	scheme := map[bool]string{false: "light", true: "dark"}[dark]
	b.call("Emulation.setEmulatedMedia", map[string]any{
		"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}},
	}, nil)
}

// Open opens a page.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
}

// Eval is the value of an expression in the page, which may be a promise, as a string.
func (b *Browser) Eval(expression string) string {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true,
	}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	return fmt.Sprint(r.Result.Value)
}

// Until waits until an expression in the page is true. Where it never is, the test fails with what the page shows.
func (b *Browser) Until(what, expression string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); b.Eval("Boolean("+expression+")") != "true"; {
		if time.Now().After(end) {
			b.t.Fatalf("in vain waited for: %s\nerrors: %q\nthe page: %s", what, b.Errors, b.Eval("document.body.innerText"))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Screenshot writes a picture of the whole page, as PNG.
func (b *Browser) Screenshot(file string) {
	b.t.Helper()
	var size struct {
		CSSContentSize struct{ Width, Height float64 }
	}
	b.call("Page.getLayoutMetrics", nil, &size)
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{
		"captureBeyondViewport": true, "clip": map[string]any{
			"x": 0, "y": 0, "width": size.CSSContentSize.Width, "height": size.CSSContentSize.Height, "scale": 1,
		},
	}, &shot)
	picture, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(file, picture, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
