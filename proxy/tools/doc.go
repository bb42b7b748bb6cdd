// Package tools works on sealed objects without the proxy: the subcommands of the program that an operator runs beside
// running servers, or when none can run. A tool talks to the store and the key service itself.
//
//	s3://B/KEY ─▶ state: bucket record ─▶ store: envelope, bytes ─▶ keyring ─▶ crypto: segments, trailer, padding ─▶ report
//
// What a tool promises:
//   - The KMS key that an envelope names is believed as the gateway believes it: before KMS is asked.
//   - No plaintext is written before its segment's tag has been checked, and none at all by any tool but Open.
//   - Damage of an object is told apart from a store or key service that didn't answer: a Damage is the object's own.
//   - Walks keep as many objects in memory as they have workers, and a page of names.
package tools
