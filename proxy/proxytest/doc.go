// Package proxytest is for tests: it starts the proxy, talks to it as clients, operators and web browsers do, and
// stands in for stores and key services that fail.
//
//	p := proxytest.StartEmbedded(t, t.TempDir())
//	answer := p.Do(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + "key", Body: "body"})
//
// A [Program] is started by [Start], [StartEmbedded], [StartWith], [StartBehind] and others. It is package command's
// Run within the test's process, so that the statements of every room below count as covered; or, in a package whose
// TestMain calls [Main] with [Processes], and by [StartProcess], the test binary, started again. The handle is the
// same.
//
// # What is real in a program within the test's process
//
// Clients reach it by TCP and TLS, and it reaches its store and its key service by TCP. The data of store.kind:
// embedded is in memory (package memstore), since versitygw allows one store a process and changes the process's
// working directory: a second start from the same data directory, and tools that run at the same time, find the
// objects, but no file holds them, and the store has no tags and other abilities. With [OverFiles] the store is
// versitygw over files, in a process of its own. Without a TestMain that calls [Main], [SharedStore] is in memory, too.
//
// Many run at once. What belongs to the process stays as the test has it: the Go runtime's memory limit and its
// collector's pace, signals (contexts and [Program.HangUp] take their place), the environment, the time zone,
// OpenTelemetry's error handler. It can't be killed.
//
// # What tests use
//
//   - [Request] is a request written byte by byte and signed, for what no S3 client sends; [Program.Client] is the
//     SDK's client.
//   - [StoreFront] stands between the program and its store, sees what crosses, and alters it; a [StoreFault] is
//     injected there.
//   - [FaultyKMS] is a key service that fails as a test wants; [KMSBucket] is a bucket whose objects depend on it.
//     [StartKeyServer] starts "sealfront kms".
//   - [Damager] changes objects in the embedded store's files.
//   - [Service] is a store or key service that is a program of its own, such as MinIO.
//   - An [Option] changes what no configuration does: the clock, and how long records, claims and copies may be.
//
// Only external tests of a room (package gateway_test) may import it: it imports all rooms.
package proxytest
