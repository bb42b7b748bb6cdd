// Package drills plays the worst day: a program has written through the proxy, and then everything but the store, the
// key service and the configuration is lost. A new proxy is set up, and the program restores.
//
//	program ─▶ proxy ─▶ store         write
//	            ✗   ✗ state bucket    destroy: the proxy, its disk and its state bucket; what the program had
//	new proxy ─▶ adopt ─▶ store       set up from store, key service and configuration
//	program ◀─ new proxy ◀─ store     restore, compare
//
// The programs are real ones, of Debian or built from their Go modules, and so is the proxy: the built program, in a
// process of its own, behind TLS. So is the key service, `sealfront kms`, which survives. A drill ends with a search of
// all the store's files, and of their extended attributes, for what the program wrote: its markers, and pieces of every
// object as the proxy serves it.
//
// # How to run it
//
// `go test ./...` plays the drills of one quick program, where it and a store are installed. All of them, with the
// table of what was restored, and how fast:
//
//	SEALFRONT_E2E=require go test ./bench/drills -v -drills all
//
// -drills takes names of programs, too, separated by commas; -update writes the table to testdata/results.json and the
// settings and the table to deploy/PROGRAMS.md. -kind directory plays them in directory buckets: a program that those
// refuse must be refused as deploy/PROGRAMS.md says.
//
// # What is promised
//
//   - Every drill has been played over each store, and deploy/PROGRAMS.md has the settings that it used and the table
//     that it made: TestThePageIsThatOfTheDrills.
//   - The search finds what lies in the clear: each drill puts an object into the store that it must find.
package drills
