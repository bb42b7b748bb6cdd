// Package store is the client of the S3 store that stands behind the proxy: it addresses, signs and sends
// requests, streams bodies both ways, and finds out what the store can do.
//
//	Request ─▶ head, signed ─┐
//	Body ──────▶ pieces ─────┴─▶ connection (fasthttp's pool) ─▶ store
//	             Answer ◀──────── read while the body is still going out
//
// What is promised:
//
//   - An answer that comes before the body is complete is read and returned (TestW8EarlyAnswerArrives); the
//     connection with the unsent body is closed, never pooled (TestConnectionWithUnsentBodyIsNotPooled).
//
//   - A body whose source fails is cut off: the store sees fewer bytes than declared (TestFailedSourceCutsTheBody).
//
//   - Deadlines are on progress, not on whole bodies (TestSilentStoreTimesOut).
//
//   - A pooled connection that the store has closed costs no request (TestStaleConnectionIsNotUsed).
//
//   - Only what the caller put in Header crosses, besides what the client itself makes.
//
//   - With SignPayload every body is covered by its signature, streamed ones chunk by chunk (TestBodiesAreSigned).
//
//   - Requests to a store of directory buckets are signed with sessions, one a bucket, replaced ahead of their end and
//     when the store takes one no more (TestSessionsAreUsedUntilTheyEndSoon,
//     TestASessionThatTheStoreTakesNoMoreIsReplaced); one request fetches it for all
//     (TestOneRequestFetchesASessionForAll).
//
//   - A Lister's pages are a bucket's names, each as it is and once, whatever the store's listings make of them
//     (TestPagesOfAGarblingStoreAreItsNames); Names says which names a store gives back exactly
//     (TestNamesAreHeldToTheRule).
//
// Nothing is retried but requests that met a closed pooled connection and can be sent twice without harm;
// all other failures go to the caller, whose client has a retry policy of its own.
//
// Probe says what the store can do; its table is at Client.Probe.
package store
