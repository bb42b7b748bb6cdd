// Package policy decides about every S3 request, or refuses it. It is pure: it reads no clock, no
// network and no memory of its own, only the request and the facts it is given, so that every decision
// can be repeated and explained.
//
//	method, path, query, headers ─► Classify ─► Operation
//	signature version            ─► DecideSignature
//	everything else              ─► Case, Decide ─► Ruling: key, context, response headers, session
//
//	Decide: TLS where all need it ─► CheckRequest ─► DecideSession ─► Authorize ─► CheckBucket
//	        ─► DecideEncryption ─► TLS for SSE-KMS             each may answer a *Refusal instead
//
// Decide is the one order of decisions, for requests, forms and Explain. Permissions come before facts:
// nobody without them learns what a bucket's key is. Reads call DecideTLS again, last, when the object's
// encryption is known. PutBucketEncryption has two steps of its own, KeyToDescribe and
// DecideBucketEncryption, with a question to KMS between them.
//
// Directory buckets (base--zone--x-s3) follow the published behaviour of S3 Express One Zone, row by
// row; rows have ids (PUT-4, CS-9), and every Decision and Refusal names its row. Where Amazon has
// published nothing the choice is ours and Why says so in a word. General purpose buckets take the same
// path with freer rules.
//
// # Reading it
//
// No file needs another that needs it, so the room can be read from the bottom up:
//
//	operations, headertable, querytable, routes          tables: what there is, and how it is recognised
//	conditionkeys, condition, permission, bucketpolicy   policies, compiled and evaluated
//	digest, request, requestvalues                       the one Request, read once
//	check and its parts, classify                        what needs the request alone
//	actions, authorize                                   permissions
//	directory, general, decideencryption, session        encryption and sessions, by row
//	decide, explain                                      the order of all of these
//
// # Promises
//
//   - Every row gives the answer the reference gives: TestRows. None is forgotten: TestEveryRowIsCovered holds the
//     tests to testdata/rows.txt, and .ci/run wants every statement here covered.
//   - Every operation S3 has is recognised, and is decided or refused: TestEveryOperationIsDecidedOrRefused.
//   - No request is taken for another one because a parameter or header came twice, in the query of a
//     presigned URL, or in other letters: FuzzClassify, TestHeadersInTheQueryCount.
//   - Encryption contexts and configurations are read in one way only: FuzzEncryptionContext,
//     FuzzParseEncryptionConfiguration.
//   - A request without encryption headers is decided without an allocation: TestDecidingAllocatesNothing.
//   - An explicit Deny wins, and what isn't understood in a policy is refused when the policy is read:
//     TestDenyWins, TestPoliciesWithFaultsAreRefused.
//   - Of several reasons for a refusal the first in Decide's order counts: TestTheOrderOfDecisions.
//   - A condition is answered by the one Request, the one Caller, or the Target that a permission is decided
//     for: TestTheTargetAnswersConditionKeys.
//   - A Refusal's code is one of Codes: TestRows.
//   - What is faster than plain decides as the plain reading does: FuzzFastPath.
//
// # Not here
//
// Signatures and session tokens are opened elsewhere; this package is given the outcome. What needs the
// stored object (conditions, sizes, checksums) is decided where the object is. Limits of the store
// behind the proxy are its client's business.
//
// # Decisions
//
// Of several reasons the first counts: an alias, SSE-KMS in a bucket that never had a key, another setting than the
// session's, another key, another context. PutBucketEncryption calls KMS about the key before it looks whether the
// bucket is bound to another: the rows for unknown, disabled and foreign keys hold in any state. A permission for
// ReadWrite sessions also permits reads that are signed with a long-term key. Parameters and x-amz- headers that are
// given twice with different values are refused, since two readers of one request could otherwise see two requests.
//
// Sources: Amazon S3 User Guide, "Specifying server-side encryption with AWS KMS (SSE-KMS) for new object
// uploads in directory buckets"; S3 API Reference; the S3 service model.
package policy
