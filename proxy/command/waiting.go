package command

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/supervisor"
)

// How long a start takes until the log says what it waits for, and how often it says so again.
const waitingEvery = 3 * time.Second

// sayWaiting logs what a start waits for, and reports it to the service manager, until the function that it returns is
// called.
func sayWaiting(log *zap.Logger, c *config.Config, manager *supervisor.Supervisor) (done func()) {
	began := time.Now()
	ended := make(chan struct{})
	var saying sync.WaitGroup
	manager.Status("starting")
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
				status := fmt.Sprintf("waiting for %s, since %v", services(c), time.Since(began).Round(time.Second))
				manager.Waiting(status, 10*waitingEvery)
			}
		}
	})
	return func() {
		close(ended)
		saying.Wait()
	}
}

// services are the store and the key service that a start calls.
func services(c *config.Config) string {
	store, kms := "the store", "KMS"
	if c.Store.Endpoint != "" {
		store += " " + c.Store.Endpoint
	}
	if c.KMS.Endpoint != "" {
		kms += " " + c.KMS.Endpoint
	}
	return store + " or " + kms
}
