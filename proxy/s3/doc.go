// Package s3 has S3's words on the wire, and nothing else: errors with their statuses, entity tags, ranges, the fields
// of heads and queries, checksums, and the grammars of documents. It is pure: it sends nothing, stores nothing, and
// keeps no state.
//
//	bytes of a request ─▶ Header, Query, Range, Grammar ─▶ who decides ─▶ Error, ETag, Checksum… ─▶ bytes of an answer
//
// Promises, each with the test that fails when it is broken:
//   - A head that servers read in several ways is found (TestLinesAreThoseThatTheServerRead).
//   - A document passes with the elements of its grammar and no others (TestDocumentsPassByTheirGrammar, FuzzGrammar).
//   - CRCs of two byte strings combine to that of both (TestCombinedChecksumIsThatOfTheWhole).
package s3
