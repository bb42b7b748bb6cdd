// Package admin is the operator's address: health, metrics, the status page, profiles, bucket keys, and which rule
// decides about a request.
//
// All but /livez, /readyz and /metrics refuse requests from foreign web pages (TestNoWebPageReachesTheAdminAddress). It
// uses the proxy through the functions in [Options] alone.
package admin
