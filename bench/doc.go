// Bench loads a Sealfront from outside and says what it took: throughput, latencies, errors, CPU and memory. With a
// second target it compares the two in one run, cell by cell, so that a machine's mood falls on both.
//
//	bench ──HTTPS, SigV4──▶ sealfront  ──▶ store          -endpoint, by default the exported environment
//	      └─HTTPS, SigV4──▶ bareproxy  ──▶ store          -against: the floor, or the store itself
//
//	eval "$(cat exports)"; go run ./bench -pid $PID
//	go run ./bench -sizes 64KiB,1MiB,64MiB -concurrency 1,16 -time 5s -rounds 3 -pid $PID \
//	    -against https://127.0.0.1:9443 -against-bucket plain -against-access-key … -against-secret-key … -against-pid $BARE
//
// A cell is one operation, PUT or GET, at one size and one concurrency, for -time. Every worker has one key of its own and
// overwrites or reads it again and again, so the store holds concurrency × size at most for a cell, and all of it is deleted at
// the end. Requests are signed with the long-term key and UNSIGNED-PAYLOAD; bodies are random bytes; a GET's length
// must be the object's. Rounds interleave the targets; a cell's figures are those of its median round by throughput.
//
// CPU is that of the process named by -pid: seconds for each GiB of bodies, or microseconds for each request of
// bodies under 64 KiB. RSS is its highest resident memory while the cell ran. Both come from /proc.
//
// Ratios are the first target's figure divided by the second's. They are comparable; absolute figures of shared machines
// are not.
package main
