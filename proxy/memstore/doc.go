// Package memstore is the store of load tests: S3 in memory, served on a loopback port and talked to over that wire
// like any other store.
//
//	store.Client ──HTTP, SigV4──▶ 127.0.0.1:port ─▶ trouble ─▶ buckets ─▶ objects ─▶ bodies in pooled blocks
//
// It is an honest store: it verifies signatures, in chunks too, compares lengths, hashes and Content-MD5 before a body
// becomes an object, decides every condition and makes every change in one step under the bucket's lock, and refuses
// what it doesn't know. Objects are never changed, only replaced, so a reader sees one of them whole. Copies, and
// uploads that are completed, share their bytes with what they were made from.
//
// On request it is a bad store: slow, failing, throttling or full (Trouble, Options.MaxBytes). Trouble comes when a
// request's signature has been found right and before anything else, so a request that is refused has done nothing.
//
// What it does not do: keep anything when it ends; versions, tags, ACLs, encryption of its own, other accounts, TLS;
// verify or keep the checksums of x-amz-checksum-*. ETags are unique for every body and, unless Options.MD5 is set, no
// MD5. It trusts its client to go on sending: it has no deadlines.
package memstore
