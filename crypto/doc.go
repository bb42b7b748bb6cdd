// Package crypto seals and opens objects, a segment at a time and in place.
//
//	plaintext ─► slab: ≤ 65,536 | tag 16 ─► segment 0 ‖ … ‖ segment n ‖ … parts … ‖ padding ‖ sealed record ‖ tail
//	                                        └────────── part 1 ─────┘              └────── trailer ──────┘
//
//	bucket key ─wrap salt─► wrap key ─► envelope: object id, KMS key, blob, part salt, commitment | data key, length
//	                                                                                                │
//	    commitment ◄── object id ───┬── part salt ──► part key: segments                            │
//	    trailer key ◄── object id, trailer salt ────────────────────────── data key ◄───────────────┘
//
// FORMAT.md specifies format 1 to the byte, with the threat model and test vectors; a reader can be written from that
// page.
//
// An upload makes a [DataKey] ([NewObject]), wraps it into an [Envelope] for its [Place], seals each part by a [Sealer]
// and ends with a [Trailer]. A download parses and unwraps the envelope, compares the stored size with it
// ([Secrets.CheckStored]), gets a [Layout] from the envelope ([SinglePart]) or from the trailer, gets a [Span] from the
// store, and opens it by a [SpanOpener].
//
// # Promises
//
//   - The stored size is a function of the plaintext length alone, strictly increasing, for every legal way to cut an
//     object into parts (TestEveryLegalPartitionFitsTheStoredLength, TestStoredLengthIsStrictlyIncreasingAndInverts,
//     FuzzLength).
//   - A range of the sealed object opens to the range of the plaintext, and touches no other segment
//     (TestARangeOfTheSealedIsTheRangeOfThePlain, TestAWalkCoversItsSpan, FuzzSpan).
//   - Whatever is changed, cut, dropped, doubled, swapped or borrowed, what is released is a true prefix, and the
//     failure is loud (TestAnyChangedByteIsNoticedOrHarmless, TestACutOrLongerObjectIsNoticed,
//     TestSegmentsDroppedDoubledOrSwappedAreNoticed, TestPartsSwappedOrTakenFromAnOlderAttemptAreNoticed,
//     TestTwoObjectsCantLendEachOtherAnything).
//   - A segment that fails leaves no plaintext behind, and nothing after it opens
//     (TestAFailedSegmentLeavesNoPlaintextAndEndsTheSpan).
//   - Every bit of an envelope is bound to its place and to its data key (TestEveryBitOfTheEnvelopeIsBound).
//   - No key and nonce seal twice: not when a part is sent again, a data key is wrapped again, an upload is completed
//     again (TestAPartSentAgainReusesNoKeyAndNonce, TestS2AWrapKeySealsOnce, TestS3ATrailerSealedTwiceHasTwoKeys), nor
//     by a salt that was drawn ahead (TestSaltsDrawnAheadServeOnce).
//   - A copy doesn't take what was appended to its source later (TestS9AnAppendedObjectsTrailerDoesntOpenForItsCopies).
//   - A wiped key never serves (TestAnAllZeroBucketKeyOpensAndSealsNothing, TestAWipedDataKeyDerivesNothing).
//   - What is parsed is written back as the same bytes, and everything else is refused (FuzzParseEnvelope,
//     FuzzParseTrailer, FuzzPartRecordName).
//   - Sealing and opening a segment allocates nothing (TestNoSegmentAllocates); a returned slab holds no plaintext
//     (TestAReturnedSlabHoldsNoPlaintext).
//   - The bytes are those of FORMAT.md (TestVectorsOpenOrFailAsTheySay, TestTheWriterMakesTheVectors,
//     TestThePythonReaderAgrees).
//
// What is not protected is in FORMAT.md, "Threat model". Wiping has limits: Go may have moved what lay on a stack, and
// the expanded keys inside of the standard library's ciphers stay until the garbage collector frees them.
//
// # Decisions
//
//   - Wiping a data key reaches all its copies, since a DataKey points to its secret; deriving from a wiped one panics
//     instead of sealing under zeros.
//   - The HMAC under a data key is kept with it: an object derives two keys or three, and all but the first then cost
//     less than half. HMACs are made of pooled digests, which are wiped, where those of the heap would stay as they
//     are.
//   - Slabs are wiped as far as they held plaintext, by whoever gives them back, not wholly: clearing 64 KiB would cost
//     a request of 4 KiB more than its sealing.
//   - A trailer is a struct with checksums inside, not slices of the record: nothing refers to memory that is wiped. A
//     [Layout] is what to cache.
//   - Segments have no additional data: part key, index and last flag say all that could be in it.
//   - A SHA-512 stands in a part's row in whole: the room that the stored length grants a part, 112 bytes, holds a row
//     of 86 and the tag of one more segment. The road not taken, keeping a shorter hash of it, would have shown clients
//     another value than theirs.
//   - Lengths of parts take five bytes and rows have no compression: 160 parts with a CRC32 fit into 4 KiB as it is,
//     and a row that is its own measure can be checked before memory is spent on it.
package crypto
