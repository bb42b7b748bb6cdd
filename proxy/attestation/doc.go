// Package attestation has the signed statement over a scan of a bucket through the store's eyes: what it says, how it
// is written, signed and checked. It reads no store and calls no key service; package tools scans.
//
//	scan ─▶ list: a line for each object, version, upload and leftover ─▶ Tally ─▶ Statement ─▶ Sign
//	                 │                                                      ▲
//	                 └─ SHA-256, in the statement ──── Draw: HMAC(seed, name), the N smallest ──┘
//
// Two files belong together. The list has a line of JSON for everything that was seen, in the order of the scan. The
// statement counts it, names the findings and the sample, and holds the list's SHA-256; it is one line,
//
//	{"statement":BODY,"signature":"BASE64"}
//
// and the signature is Ed25519 over the bytes of BODY as they stand. Whoever has the public key, the statement and the
// list can count again and draw the sample again ([Check], and crypto/testdata/check_statement.py, which shares no code
// with this package).
//
// Promises:
//   - A statement that was changed in any byte, or that another key signed, is refused
//     (TestAStatementWithOneByteChangedIsRefused).
//   - A statement whose counts, findings or sample aren't those of its list is refused
//     (TestAStatementThatDoesNotFollowFromItsListIsRefused).
//   - The sample is a function of the seed and of the names alone: whoever has both draws the same
//     (TestTheSampleIsDrawnByTheSeed).
//   - A random body fails the test of structure with a probability below 1e-9 (TestRandomBodiesPass), and plaintext of
//     usual kinds fails it (TestPlaintextFails).
//   - A statement whose scan opened nothing is never clean (TestNothingOpenedIsNoPass).
//   - The page for people needs no scripts and nothing from elsewhere, and names of objects can't become markup
//     (TestThePageIsSelfContained).
//
// # Decisions
//
//   - The list is a file of its own, and the statement holds its hash. A statement with a row for each object would be
//     as large as the bucket is, and one without rows could be neither counted again nor its sample drawn again.
//   - The list is also the journal of a scan, so that what is signed is what lies on the disk, and a scan that was cut
//     off needs no second form.
//   - The signing key is derived from the state key. A key in a file, as the receipts of shred have, would be one more
//     secret to keep, and could sign on any machine; this one is where KMS opens the state, and at every replica, whose
//     admin address shows its public half.
//   - The sample is drawn by an HMAC of names, not by places in a list: so it doesn't depend on an order, which the
//     store chooses.
//   - Chi-square over windows of a segment's size, not an estimate of entropy: its distribution for random bytes is
//     known, and so is how often it is wrong. Windows, since a body is rarely in the clear as a whole when it is in
//     part.
package attestation
