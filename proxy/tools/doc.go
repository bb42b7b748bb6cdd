// Package tools works on sealed objects without the proxy: the subcommands of the program that an operator runs beside
// running servers, or when none can run. A tool talks to the store and the key service itself; Migrate writes through a proxy.
//
//	s3://B/KEY ─▶ state: bucket record ─▶ store: envelope, bytes ─▶ keyring ─▶ crypto: segments, trailer, padding ─▶ report
//
// What a tool promises:
//   - The KMS key that an envelope names is believed as the gateway believes it: before KMS is asked.
//   - No plaintext is written before its segment's tag has been checked, and none at all by any tool but Open. Migrate hands what it reads in the
//     clear to a proxy, and nowhere else.
//   - Damage of an object is told apart from a store or key service that didn't answer: a Damage is the object's own.
//   - Migrate only reads its source, replaces nothing, and makes each object in one conditional step (TestMigrateUnderFaults).
//   - Walks keep as many objects in memory as they have workers, and a page of names.
package tools
