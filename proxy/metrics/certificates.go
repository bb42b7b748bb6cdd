package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// addCertificates adds the metrics about certificates.
func (m *Metrics) addCertificates() {
	m.notAfter = newNotAfter()
	m.handshakes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sealfront_tls_handshake_failures_total", Help: "TLS handshakes of clients that failed, by reason.",
	}, []string{"reason"})
	m.Registry.MustRegister(m.notAfter, m.handshakes)
}

func newNotAfter() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "sealfront_certificate_not_after_timestamp_seconds",
		Help: "When a certificate expires, in seconds since 1970, by the setting that names it.",
	}, []string{"source"})
}

// Certificates sets when certificates expire, by the settings that name them. Others are forgotten.
func (m *Metrics) Certificates(notAfter map[string]time.Time) { setNotAfter(m.notAfter, notAfter) }

func setNotAfter(g *prometheus.GaugeVec, notAfter map[string]time.Time) {
	g.Reset()
	for source, end := range notAfter {
		g.WithLabelValues(source).Set(float64(end.Unix()))
	}
}

// HandshakeReasons makes the series of failed handshakes exist before the first failure.
func (m *Metrics) HandshakeReasons(reasons []string) {
	for _, reason := range reasons {
		m.handshakes.WithLabelValues(reason)
	}
}

// HandshakeFailure counts a handshake of a client that failed.
func (m *Metrics) HandshakeFailure(reason string) { m.handshakes.WithLabelValues(reason).Inc() }
