package check

import (
	"fmt"
	"time"

	"sealfront/proxy/config"
)

// A checkup tries what a configuration names and changes nothing but what the store's probe puts and removes. Each
// finding says what was tried, how it went and what to do. A fault would keep the program from starting, or its clients
// from being served; a warning would not, or not yet.
type checkup struct {
	c        *config.Config
	now      time.Time
	faults   config.Faults
	warnings []config.Fault
}

func (k *checkup) fault(path, format string, args ...any) {
	k.faults = append(k.faults, config.Fault{Path: path, Why: fmt.Sprintf(format, args...)})
}

func (k *checkup) warn(path, format string, args ...any) {
	k.warnings = append(k.warnings, config.Fault{Path: path, Why: fmt.Sprintf(format, args...)})
}
