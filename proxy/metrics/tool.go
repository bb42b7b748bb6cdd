package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Tool are the metrics of one run of a tool, for a file that node_exporter's textfile collector reads. They are in a
// registry of their own, without those of the runtime and the process: in that file they would collide with
// node_exporter's. Not safe for concurrent use.
type Tool struct {
	registry *prometheus.Registry

	running, updated, exitStatus, succeeded prometheus.Gauge

	objects, bytes, failed, totalObjects, totalBytes *prometheus.GaugeVec
}

// NewTool makes the metrics of a tool that works on a target, in a shard I/N, 1/1 for all keys, from a time on.
func NewTool(tool, target, shard string, began time.Time) *Tool {
	labels := prometheus.Labels{"tool": tool, "target": target, "shard": shard}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
	}
	perPhase := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, []string{"phase"})
	}
	t := &Tool{
		registry: prometheus.NewRegistry(),
		running:  gauge("sealfront_tool_running", "1 while the tool runs, 0 once it has ended."),
		updated: gauge("sealfront_tool_updated_timestamp_seconds",
			"When the tool wrote its metrics, in seconds since 1970: one that was killed no longer does."),
		exitStatus: gauge("sealfront_tool_exit_status", "The tool's exit status; -1 while it runs."),
		succeeded: gauge("sealfront_tool_success_timestamp_seconds",
			"When the tool ended with exit status 0, in seconds since 1970; 0: it hasn't."),
		objects: perPhase("sealfront_tool_objects", "Objects that are done, with those of the runs that this one resumes."),
		bytes:   perPhase("sealfront_tool_bytes", "Bytes, as the store lists them, of the objects that are done."),
		failed:  perPhase("sealfront_tool_failed_objects", "Objects that are done and that the tool reports as failed."),
		totalObjects: perPhase("sealfront_tool_expected_objects",
			"Objects that the tool has to do in all; absent until they have been counted."),
		totalBytes: perPhase("sealfront_tool_expected_bytes",
			"Bytes of the objects that the tool has to do in all; absent until they have been counted."),
	}
	started := gauge("sealfront_tool_start_timestamp_seconds", "When the tool was started, in seconds since 1970.")
	started.Set(seconds(began))
	t.running.Set(1)
	t.exitStatus.Set(-1)
	t.registry.MustRegister(started, t.running, t.updated, t.exitStatus, t.succeeded, t.objects, t.bytes, t.failed,
		t.totalObjects, t.totalBytes)
	return t
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Done sets what is done in a phase of the tool's work.
func (t *Tool) Done(phase string, objects, failed, bytes int64) {
	t.objects.WithLabelValues(phase).Set(float64(objects))
	t.failed.WithLabelValues(phase).Set(float64(failed))
	t.bytes.WithLabelValues(phase).Set(float64(bytes))
}

// Expect sets what is to be done in a phase in all.
func (t *Tool) Expect(phase string, objects, bytes int64) {
	t.totalObjects.WithLabelValues(phase).Set(float64(objects))
	t.totalBytes.WithLabelValues(phase).Set(float64(bytes))
}

// Ended says that the tool has ended, and how.
func (t *Tool) Ended(status int, at time.Time) {
	t.running.Set(0)
	t.exitStatus.Set(float64(status))
	if status == 0 {
		t.succeeded.Set(seconds(at))
	}
}

// WriteFile replaces the file by the metrics in one step, so that a reader sees the earlier ones or these. Its new
// content is written beside it under a name that doesn't end in .prom.
func (t *Tool) WriteFile(file string, now time.Time) error {
	t.updated.Set(seconds(now))
	return prometheus.WriteToTextfile(file, t.registry)
}
