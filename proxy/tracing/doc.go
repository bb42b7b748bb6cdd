// Package tracing sends traces by OpenTelemetry's protocol (OTLP) over HTTP, and is the only room that knows it.
//
//	client's traceparent ─▶ PutObject (server span) ─┬─▶ store PutObject (client span)
//	                                                 └─▶ …
//	KMS GenerateDataKey (client span of its own: one call serves many requests)
//
// Attributes are those of OpenTelemetry's conventions where there are any: error.type, server.address, rpc.method. Each
// process is told from its replicas by service.instance.id (TestErrorsHaveTypes, TestARequestIsTracedWithWhatItCost).
//
// A request's span has its x-amz-request-id as attribute aws.request_id, and the access and audit logs have the trace's
// id, so that each is found from the other. Spans name operations, buckets and codes; they hold no keys of objects, no
// secrets, and nothing of bodies. A collector that can't be reached costs spans, never requests: they wait in a bounded
// queue.
//
// Off by default. The gateway checks one interface that is nil then, so a request without tracing allocates nothing for
// it (BenchmarkRequest in package gateway).
package tracing
