package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"sealfront/proxy/config"
	"sealfront/proxy/instance"
	"sealfront/proxy/metrics"
	"sealfront/proxy/tools"
)

// How often a job's log gets a line of progress, and the file of metrics is written.
const (
	lineEvery    = time.Minute
	metricsEvery = 15 * time.Second
)

// progress shows the progress of a tool: on a terminal one line that is drawn again, in a job a line a minute, and in a
// file of metrics. It is the tools.Watcher of the tool's walks.
type progress struct {
	tool, target, shard string
	began               time.Time

	terminal io.Writer // nil: none
	width    int       // of the terminal
	drawn    bool

	log  *zap.Logger // nil: none
	last *tools.Progress
	said time.Time // when the log had a line

	file    string // of metrics; "": none
	metrics *metrics.Tool
	written time.Time
}

// newProgress returns the progress of a tool that begins to work on targets.
func (v *invocation) newProgress(targets []string) (*progress, error) {
	p := &progress{
		tool: v.command.name, target: strings.Join(targets, " "), shard: cmp.Or(v.walk.Shard.String(), "1/1"),
		began: time.Now(), file: v.shown.metricsFile,
	}
	mode, width := v.shown.mode, terminalWidth(v.stderr)
	if mode == "auto" {
		mode = "log"
		if width > 0 {
			mode = "line"
		}
	}
	switch mode {
	case "line":
		p.terminal, p.width = v.stderr, cmp.Or(width, 80)
	case "log":
		log, _, err := instance.NewLogger(config.Log{Level: "info"}, v.stderr)
		if err != nil {
			return nil, err
		}
		p.log = log.With(zap.String("tool", p.tool), zap.String("target", p.target))
		if v.walk.Shard.Of > 1 {
			p.log = p.log.With(zap.String("shard", p.shard))
		}
	}
	if p.file != "" {
		p.metrics = metrics.NewTool(p.tool, p.target, p.shard, p.began)
	}
	return p, nil
}

// terminalWidth is how many columns the terminal behind w has; 0 if it is none.
func terminalWidth(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return cmp.Or(int(size.Col), 80)
}

// Show implements tools.Watcher.
func (p *progress) Show(now *tools.Progress) {
	begins := p.last == nil || p.last.Phase != now.Phase
	copied := *now
	p.last = &copied
	if p.terminal != nil {
		fmt.Fprint(p.terminal, "\r\x1b[K"+p.line(now))
		p.drawn = true
	}
	if p.log != nil && (begins || now.At.Sub(p.said) >= lineEvery) {
		p.said = now.At
		p.log.Info("progress", p.fields(now)...)
	}
	if p.metrics != nil && (begins || now.At.Sub(p.written) >= metricsEvery) {
		_ = p.writeMetrics(now.At) // tried again; that of the end is reported
	}
}

// Clear implements tools.Watcher.
func (p *progress) Clear() {
	if p.drawn {
		fmt.Fprint(p.terminal, "\r\x1b[K")
		p.drawn = false
	}
}

// end shows the tool's end, and returns err with a failure to write the metrics.
func (p *progress) end(err error) error {
	p.Clear()
	now := time.Now()
	status := ExitStatus(err, io.Discard)
	if p.log != nil && p.last != nil {
		p.log.Info("ended", append(p.fields(p.last),
			zap.Int("exit_status", status), zap.Float64("seconds", seconds(now.Sub(p.began))))...)
	}
	if p.metrics == nil {
		return err
	}
	p.metrics.Ended(status, now)
	if unwritten := p.writeMetrics(now); !errors.Is(err, errMetricsFile) {
		err = errors.Join(err, unwritten)
	}
	return err
}

var errMetricsFile = errors.New("write the metrics file")

// writeMetrics writes the file of metrics, if there is one.
func (p *progress) writeMetrics(now time.Time) error {
	if p.metrics == nil {
		return nil
	}
	p.written = now
	if l := p.last; l != nil {
		p.metrics.Done(l.Phase, l.Done, l.Failed, l.Bytes)
		if l.Total >= 0 {
			p.metrics.Expect(l.Phase, l.Total, l.TotalBytes)
		}
	}
	if err := p.metrics.WriteFile(p.file, now); err != nil {
		return fmt.Errorf("%w: %w", errMetricsFile, err)
	}
	return nil
}

// fields are those of a line of a job's log: what is done, of how much where that is known, at what rate, and the key
// that is being worked on.
func (p *progress) fields(now *tools.Progress) []zap.Field {
	var fields []zap.Field
	if now.Phase != "" {
		fields = append(fields, zap.String("phase", now.Phase))
	}
	fields = append(fields, zap.Int64("done", now.Done), zap.Int64("failed", now.Failed), zap.Int64("bytes", now.Bytes))
	if now.Total >= 0 {
		fields = append(fields, zap.Int64("total", now.Total), zap.Int64("total_bytes", now.TotalBytes))
	}
	fields = append(fields, zap.Float64("objects_per_second", rounded(now.Rate)),
		zap.Float64("bytes_per_second", rounded(now.ByteRate)))
	if now.Remaining >= 0 {
		fields = append(fields, zap.Float64("eta_seconds", seconds(now.Remaining)))
	}
	if now.Current != "" {
		fields = append(fields, zap.String("key", now.Current))
	}
	return fields
}

func seconds(d time.Duration) float64 { return rounded(d.Seconds()) }

// rounded is f with one digit behind the point.
func rounded(f float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', 1, 64), 64)
	return r
}

// line is the progress in one line of the terminal's width. Keys are quoted in ASCII: no key can control the terminal.
func (p *progress) line(now *tools.Progress) string {
	var b strings.Builder
	b.WriteString(p.tool + ": ")
	if now.Phase != "" {
		b.WriteString(now.Phase + ": ")
	}
	b.WriteString(strconv.FormatInt(now.Done, 10))
	if now.Total >= 0 {
		b.WriteString(" of " + strconv.FormatInt(now.Total, 10))
	}
	b.WriteString(" done")
	if now.Failed > 0 {
		fmt.Fprintf(&b, ", %d failed", now.Failed)
	}
	fmt.Fprintf(&b, ", %.1f/s, %s/s", now.Rate, byteSize(now.ByteRate))
	if now.Remaining >= 0 {
		b.WriteString(", " + now.Remaining.Round(time.Second).String() + " left")
	}
	if now.Current != "" {
		quoted := strconv.QuoteToASCII(now.Current)
		b.WriteString(", " + quoted[1:len(quoted)-1])
	}
	text := b.String()
	if n := p.width - 1; len(text) > n { // a line of the full width would wrap
		text = text[:max(0, n-3)] + "..."[:min(3, max(0, n))]
	}
	return text
}

// byteSize is a number of bytes in a unit that keeps it short.
func byteSize(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB"} {
		if n < 1024 {
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1f GiB", n)
}
