// Package s3 has the parts of S3's wire format: errors with their statuses, entity tags, ranges, the fields
// of heads and queries, checksums, and the grammars of documents. It is pure: it sends nothing, stores nothing, and
// keeps no state.
//
//	bytes of a request ─▶ Header, Query, Range, Grammar ─▶ the decision ─▶ Error, ETag, Checksum… ─▶ bytes of an answer
//
// Promises, each with the test that fails when it is broken:
//   - A head that servers parse in different ways is detected (TestLinesAreThoseThatTheServerRead).
//   - A document passes with the elements of its grammar and no others (TestDocumentsPassByTheirGrammar, FuzzGrammar).
//   - CRCs of two byte strings combine to that of both (TestCombinedChecksumIsThatOfTheWhole).
package s3
