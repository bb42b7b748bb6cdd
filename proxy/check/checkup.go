package check

import (
	"fmt"
	"io"
	"time"

	"sealfront/proxy/config"
)

// A checkup tries what a configuration names; it changes nothing, except that the store's probe puts objects and
// removes them. Each finding says what was tried, the outcome and what to do. A fault would prevent a start or make
// requests fail; a warning would not, or not yet.
type checkup struct {
	c        *config.Config
	stderr   io.Writer
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
