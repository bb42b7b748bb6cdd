// Package gateway is the request pipeline: it decides every request by a rule of package policy or refuses it, seals
// what goes to the store and opens what comes back.
//
//	client ─▶ fasthttp ─▶ exchange ─▶ target ─▶ sigv4, session ─▶ policy ─▶ state ─▶ policy ─▶ operation
//	PUT  body ─▶ framing, count, checksums ─▶ Sealer ─▶ store     (last segment held back until all is right)
//	GET  store ─▶ envelope ─▶ bucket key ─▶ Opener ─▶ client       (a byte leaves only after its tag was checked)
//
// Promises, each with the test that fails when it is broken; tests of the running program stand in package main:
//   - No plaintext, no checksum of it and no key reaches the store, a log or a temporary file (TestS4NothingPlainReachesTheStore,
//     TestS6FormTypedBodyIsAnObject).
//   - No byte is released before its segment's tag has been checked, and a failure in mid-body breaks the connection
//     (TestFlippedByteNeverReadsAsOtherBytes).
//   - An upload that fails a check at its end never becomes visible (TestFailedUploadLeavesNothing,
//     TestSignedChunksThatAreRefusedStoreNothing, TestFormsThatAreRefusedStoreNothing); a bad chunk in its midst is refused
//     at once (TestABadChunkIsRefusedAtOnce).
//   - Failed logins cost no request to the store beyond a few, and are slowed down by address and access key without
//     shutting anybody else out (TestFailedLoginsAreSlowedDown, TestConcurrentFailedLogins).
//   - What the operations table lacks is refused (TestUnservedOperationsAreRefused); there is no way around it.
//
// Store requests an operation: PutObject, GetObject, HeadObject, DeleteObject, ListObjectsV2 one; GetObject with
// a suffix range or If-Range two; with x-amz-checksum-mode of an object over 256 KiB whose checksum came as a trailer
// two, as with HeadObject; DeleteObject with a size or date two.
package gateway
