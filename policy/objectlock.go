package policy

import (
	"strings"
	"time"
)

// ObjectLock is what the store reports of an object's Object Lock, as its headers have it; "" for what there is none
// of.
type ObjectLock struct{ Mode, Until, Hold string }

// protects reports whether the object may not be changed. A date that can't be read protects.
func (l ObjectLock) protects(now time.Time) bool {
	if strings.EqualFold(l.Hold, "ON") {
		return true
	}
	if l.Mode == "" {
		return false
	}
	until, err := time.Parse(time.RFC3339, l.Until)
	return err != nil || until.After(now)
}

// checkLock holds the values of an Object Lock header. That mode and date come together is CheckRequest's.
func checkLock(id headerID, value string) *Refusal {
	switch id {
	case hLockMode:
		if value == "GOVERNANCE" || value == "COMPLIANCE" {
			return nil
		}
		return invalidArgument("1.7", headerNames[id], value, "Unknown wormMode directive.")
	case hLockHold:
		if value == "ON" || value == "OFF" {
			return nil
		}
		return invalidArgument("1.7", headerNames[id], value, "Legal Hold must be either of 'ON' or 'OFF'")
	}
	if _, err := time.Parse(time.RFC3339, value); err != nil {
		return invalidArgument("1.7", headerNames[id], value,
			"The retain until date must be provided in ISO 8601 format")
	}
	return nil
}

// checkRetention: mode and date of a retention come together.
func checkRetention(d *digest) *Refusal {
	if d.has(hLockMode) != d.has(hLockUntil) {
		return invalidArgument("1.7", headerNames[hLockMode], d.header(hLockMode),
			"x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	return nil
}
