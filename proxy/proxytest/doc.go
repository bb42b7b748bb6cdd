// Package proxytest is for tests: it starts the proxy, talks to it as clients, operators and web browsers do, and stands in for
// stores and key services that fail.
//
//	p := proxytest.StartEmbedded(t, t.TempDir())
//	answer := p.Do(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + "key", Body: "body"})
//
// A [Program] is the proxy as a process: the test binary, started again. A package whose tests start one has a TestMain that calls
// [Main].
//
//   - [Request] is a request written byte by byte and signed, for what no S3 client sends; [Program.Client] is the SDK's client.
//   - [StoreFront] stands between the program and its store, sees what crosses, and alters it; a [StoreFault] goes wrong there.
//   - [FaultyKMS] is a key service that fails as a test wants; [KMSBucket] is a bucket whose objects depend on it.
//   - [Damager] changes objects where the embedded store keeps them.
//   - [Service] is a store or key service that is a program of its own, such as MinIO.
package proxytest
