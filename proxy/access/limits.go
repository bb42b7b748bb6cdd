package access

// The reasons for which a caller is turned away with 503 SlowDown, as Options.Shed gets them.
const (
	ShedConcurrency = "concurrency" // as many of the identity's as Identity.Concurrency are in flight
	ShedRate        = "rate"        // the identity's requests come faster than Identity.RequestsPerSecond
	ShedLogins      = "logins"      // too many failed logins
)
