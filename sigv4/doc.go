// Package sigv4 verifies and makes AWS Signature Version 4, as S3 and its directory buckets use it.
//
//	          request as received                                       request to the store
//	                  │                                                          │
//	Message ──────────┤  method, raw path, raw query, header lines               ├────────── Message
//	                  ▼                                                          ▼
//	Verifier.Read     mechanism, grammar, clock, scope, payload mode    Signer.AppendAuthorization
//	                  │  … the caller finds the secret …                Signer.AppendPresigned
//	Verifier.Check    canonical request ─► string to sign ─► signature ◄─── the same steps
//	                  │     compared; headers that must be signed                │
//	                  ▼                                                          ▼
//	ChunkReader       aws-chunked body: chunk, chunk, …, trailer        ChunkSigner, ChunkWriter
//
// The steps are those of AWS's pages, each a function of its name: appendCanonicalRequest, appendStringToSign,
// newSigningKey and signingKey.sign. What is S3's own: the path is encoded once and never normalised, the payload's
// hash is a header's value, and x-amz-* headers may stand in the query (EffectiveValue, AppendHoisted). A form POST
// signs its policy instead (Verifier.ReadForm, PolicyDocument).
//
// Read and Check are two calls because the secret may depend on what the first one finds, a session's token for
// instance. A request that Read refuses has cost no cryptography. Whatever is refused is an *Error with S3's code,
// text and elements; which status and XML that makes is the caller's affair, and so are unknown keys, expired tokens
// and the hash of a plain body (AccessDenied and the functions with it have the words).
//
// # Promises
//
// Real clients' requests verify, and no longer when any signed byte is another: TestEveryRecordedRequestVerifies,
// TestRecordedLargeBodies, TestNoRecordedRequestVerifiesWithASignedByteChanged,
// TestNoSignedBodyDecodesWithAByteChanged.
//
// AWS's worked examples come out as printed: TestVectors, TestFormVector. An independent signer agrees:
// TestRequestsSignedByTheSDKVerify, TestRequestsPresignedByTheSDKVerify, TestOurSignatureIsTheSDKs.
//
// Nothing verifies without a secret, after a failed Read, or by a key that was derived from another secret:
// TestNothingVerifiesWithoutASecret, TestCheckRefusesWhatReadRefused, TestAChangedSecretDoesNotVerifyUnderTheOldKey,
// TestFewSigningKeysForManyUsers.
//
// What a Verifier or Signer remembers of earlier requests changes no answer: TestALayoutDoesNotAnswerForAnother,
// TestOnlyVerifiedRequestsAreRemembered, FuzzRememberedLayout. What is faster than plain gives the plain result:
// FuzzFastBytes.
//
// A ChunkReader reports io.EOF only for a body that is whole, announced length, signatures and trailer included; it
// stops at the first bad chunk, and what it delivered before is a true prefix: TestChunkFraming,
// TestABadChunkStopsReadingAtOnce, TestWhatComesOutBeforeAFailureIsATruePrefix.
//
// What a ChunkWriter writes a ChunkReader reads, and its length is known beforehand; a body that was given up is no
// whole one: TestWhatAChunkWriterWritesAChunkReaderReads, TestABodyThatIsNotClosedIsNotWhole.
//
// No allocation in steady state: TestVerifyingAllocatesNothing, TestSigningAllocatesNothing, TestChunksAllocateNothing,
// TestWritingChunksAllocatesNothing.
// Work is bounded by the size of the request's head, n log n at most: TestHostileHeadsTakeLittleTime.
//
// A presigned URL is good to its last second, up to a week: TestPresignedClock.
//
// # Not protected
//
// Signatures cover neither the headers that a client didn't sign, apart from those that must be, nor the body of an
// UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER request; that is TLS's part. A request can be replayed within
// its time. Derived keys and their secrets stay in memory until they are evicted from a cache. Failed attempts are not
// counted here.
//
// # Decisions
//
// Two points that AWS leaves open are tried both ways, the second only after a mismatch: a path signed as received,
// and runs of spaces in a header value kept. Either way the signature binds what was received, so that this gives no
// forger anything.
//
// HeadersNotSigned is judged after the signature, since only then is a client known from a forger.
//
// Signing keys are cached by name and compared by the secret, rather than named by it: a changed secret replaces the
// old key instead of standing beside it.
//
// What the names of a header say by themselves is worked out once and remembered (layout), since clients send the same
// ones again and again. Values are never remembered, and a Verifier learns only from requests that verified.
//
// SigV2 and SigV4A are refused. Services other than S3 encode paths twice; here they are verified as S3's, which is
// the same for KMS, whose path is "/".
//
// # Sources
//
// S3 API Reference, "Signature Calculations for the Authorization Header" (HDR here), "Authenticating Requests: Using
// Query Parameters" (QRY), "Transferring Payload in Multiple Chunks" (STR), "… Including Trailing Headers" (TRL),
// "Browser-Based Uploads Using POST" (POST), "Error responses". The signers of aws-sdk-go-v2, botocore and aws-c-auth.
// Behaviour measured on AWS: openstack/swift, test/s3api/test_input_errors.py.
package sigv4
