package command

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/config"
)

// How long a start takes until the log says what it waits for, and how often it says so again.
const waitingEvery = 3 * time.Second

// sayWaiting logs what a start waits for, until the function that it returns is called.
func sayWaiting(log *zap.Logger, c *config.Config) (done func()) {
	began := time.Now()
	ended := make(chan struct{})
	var saying sync.WaitGroup
	saying.Go(func() {
		tick := time.NewTicker(waitingEvery)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				log.Warn("the start is waiting for the store or the key service",
					zap.String("store", c.Store.Endpoint), zap.String("kms", c.KMS.Endpoint),
					zap.String("service_key", c.KMS.ServiceKey), zap.Float64("seconds", seconds(time.Since(began))))
			}
		}
	})
	return func() {
		close(ended)
		saying.Wait()
	}
}
