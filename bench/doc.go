// Bench loads a Sealfront from outside and says what it took: throughput, latencies, errors, CPU, memory, allocations
// and calls of KMS. It compares it with other proxies in one run, round by round, so that a machine's mood falls on
// all.
//
//	              ┌─▶ sealfront ─┐
//	bench ──TLS──▶├─▶ nginx, …   ├─HTTP─▶ one memory store, a process of its own
//	              └─▶ bareproxy ─┘
//
//	go run ./bench                                   PUT and GET of 4 KiB, 1 MiB and 64 MiB by 1 and 16 connections
//	go run ./bench -workload mixed -rate 2000 -cells 4KiBx64 -payload unsigned-trailer-crc32
//	go run ./bench -target https://… -pid PID        what runs; credentials as sealfront exports them
//	go run ./bench compare -json results.json        nginx, HAProxy, MinIO, versitygw, rclone: what is installed
//	go run ./bench compare -only nginx -program old=./sealfront.old
//	go run ./bench compare -store-latency 20ms       with a store that is 20 ms away
//	go run ./bench slow -slow 1000                   what slow clients do to the others, and their end
//	go run ./bench reload                            replicas reload and restart: no request may fail
//	go run ./bench memory                            what the program takes for each transfer and each idle connection
//	go run ./bench refresh                           do requests wait while bucket keys are fetched?
//	go run ./bench conformance -endpoint https://…   the rules of S3's buckets, row by row: bench/conformance
//	go run ./bench conformance -servers all          scores of this program and others in bench/conformance/RESULTS.md
//	go run ./bench keys -other ./sealfront.old       data keys of the key service, compared with another one's
//	go run ./bench report results.json …             tables and plots in bench/results and RESULTS.md
//
// Without -target it builds and starts the programs: Sealfront with the embedded key service, one certificate for all
// TLS ends, and a directory bucket of SSE-KMS that is used with sessions. -store memory puts the store into
// Sealfront's own process, as client teams load-test; its CPU and memory then hold the store's.
//
// A cell is one operation at one size and concurrency, for -time after -warm-up, on -concurrency connections that stay
// open. Every connection has one key of its own, so that the store holds concurrency × size. In the closed loop a
// connection sends its next request when the last has ended. With -rate, requests are due at fixed times whether or not
// earlier ones have ended, and latency counts from when they were due: a server that stalls can't hide it. Requests in
// flight at the end still count.
//
// With -store-latency everything that a store sends arrives so much later, for Sealfront and its rivals alike; for
// stores that are called without a proxy, too. A relay in the benchmark's process holds it back, which passes bytes on
// as fast as they come otherwise.
//
// put, get, head, list (of -list-objects below one prefix), range (-range-size at random offsets) and multipart (parts
// of -part-size; one operation is the whole upload) are one operation each; mixed is 65 % get, 20 % put, 10 % head, 5 %
// list. Every body's length is checked, and every 16th read (-verify) is compared with what was written. Before a run a
// text is written through each Sealfront, and what lies in the store is looked at: it must be as good as random and not
// hold the text.
//
// CPU is what the target's processes with their children used in the cell, of all threads, from /proc/PID/stat: seconds
// for each GiB of bodies, microseconds for each request. RSS is their VmHWM, counted from the cell's begin. Allocations
// and KMS calls are differences of /metrics. Figures of several rounds are medians; least–most are the rounds' CPU, a
// GiB or, of small requests, each.
//
// Ratios are made round by round, and their median is shown. They are comparable; absolute figures of shared machines
// are not.
//
// slow measures each cell in rounds with and without slow clients, in turns, and compares their p99. The slow ones send
// or read a byte a second: of a ClientHello, nothing after it, nothing after a request, a head, a body, an answer. Who
// is cut off comes back while a cell is measured; at the end none does, and the table says when each was cut off and
// how. Exit status 1: p99 rose above -most, a request failed, or a slow client was not cut off.
//
// reload runs two replicas that share store, key service, certificate and identities. Under a load of all payload
// modes, each body compared, certificates and identities change, by the files alone at one replica and by SIGHUP at the
// other, pairs come that don't fit, and replicas get SIGTERM while an upload is in flight, and are started again. A
// client goes elsewhere when it gets no connection, and sends again what met the end of a connection that was used
// before; everything else that isn't 200 is a failed request, and exit status 1.
//
// memory starts a program for each number of clients, which are there at once: uploads of which half is sent, downloads
// of which half is read, both at full speed, connections with small requests, a write and a read every -pause, and
// connections that are idle after a request each. It reads the program's RSS, heap in use and all that its runtime has
// of the kernel, at once, settled, and after two collections, and says what each one more takes. What is held ends well
// at last, and the program's own gauges must count as many: otherwise the exit status is 1. A high figure is no
// failure. Where RLIMIT_NOFILE is too low for so many connections there are fewer, and the report says so.
//
// refresh has two replicas with relays that delay every answer of the key service. One fetches its bucket keys
// again every few seconds, the other has the default life. Both get the same load in turns, paced and below what they
// can do, and each request is distinguished from the others that was in flight while a bucket key was fetched. How many
// waited for a key is what the program counts, `sealfront_bucket_keys_total{result="miss"}`: one that comes late into a
// fetch waits for less than its whole time. Exit status 1: one waited, one failed, or nothing was fetched.
// `-kms-latency 1s`, more than is left of a key when it is fetched again, shows what waiting looks like.
//
// keys has data keys made by `sealfront kms`, with its root warm, and by the embedded key service of another build or
// by a key service that runs, in turns, -rate a second. Exit status 1: a request failed, or there were fewer.
//
// # Decisions
//
// The client writes HTTP by itself, a request from one buffer: net/http took as much of two cores as the proxy. Bodies
// are one random block again and again, and their checksums are computed once. Unsigned and signed chunks are framed as
// they are sent.
//
// The common store is memstore as a process (bench/memorystore): it takes 30,000 requests and more than 2 GiB a second
// on two cores, verifies signatures, and answers nginx's clients and Sealfront alike. Sealfront signs anew for it,
// which is part of what it costs.
//
// memory's uploads all have one key, and few go on at once in the end: the store holds what is in flight, and no object
// for each.
//
// nginx buffers nothing, in either direction; with buffered answers it takes the same CPU within what a cell moves.
package main
