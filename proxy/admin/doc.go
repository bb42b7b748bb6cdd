// Package admin is the operator's address: health, metrics, the status page, profiles, bucket keys, and which rule
// decides about a request.
//
// All but /livez, /readyz and /metrics take no requests of strangers' web pages (TestNoWebPageReachesTheAdminAddress).
// It knows the proxy by the functions in [Options] alone.
package admin
