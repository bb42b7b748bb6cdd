package instance

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/metrics"
)

// Clocks of replicas and store: from tolerableSkew on there is a warning, at most one each skewWarnings. Sessions have
// a grace of 10 s, signatures one of 15 minutes.
const (
	tolerableSkew = 30 * time.Second
	skewWarnings  = 10 * time.Minute
)

// clockSkew measures, and logs, how far this clock is from the store's.
func clockSkew(m *metrics.Metrics, log *zap.Logger) func(time.Duration) {
	var warned atomic.Int64 // by a monotonic count of nanoseconds
	began := time.Now()
	return func(ahead time.Duration) {
		m.ClockSkew(ahead)
		if ahead.Abs() < tolerableSkew {
			return
		}
		now := int64(time.Since(began)) + 1
		if last := warned.Load(); (last == 0 || now-last >= int64(skewWarnings)) && warned.CompareAndSwap(last, now) {
			log.Warn("this clock and the store's differ: sessions end early or late, and requests may be refused",
				zap.Duration("ahead", ahead.Round(time.Second)))
		}
	}
}
