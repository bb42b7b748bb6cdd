package awskms

import "time"

// SetBackoff sets the longest time between two attempts of a call.
func (o *Options) SetBackoff(longest time.Duration) { o.backoff = longest }
