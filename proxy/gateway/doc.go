// Package gateway has S3's operations, a file each: an operation reads the request, gets its permission from access,
// calls objects, and writes the answer. An exchange is the state of one request: the request with what was granted to
// it, the object that it names, its body, its answer.
//
//	client ─▶ conn ─▶ exchange ─▶ access (a Grant) ─▶ operation ─▶ objects ─▶ store
//	PUT  body ─▶ framing, count, checksums ─▶ segments sealed in place ─▶ store  (the last one waits until all is right)
//	GET  store ─▶ envelope ─▶ may? ─▶ bucket key ─▶ Reader ─▶ client   (a byte leaves only after its tag was checked)
//
// Promises, each with the test that fails when it is broken; tests of the running program stand in package main:
//   - No plaintext, no checksum of it and no key reaches the store, a log or a temporary file
//     (TestS4NothingPlainReachesTheStore, TestS6FormTypedBodyIsAnObject).
//   - No byte is released before its segment's tag has been checked, and a failure in mid-body breaks the connection
//     (TestFlippedByteNeverReadsAsOtherBytes, TestAttacksOnStoredParts).
//   - An upload that fails a check at its end never becomes visible (TestFailedUploadLeavesNothing,
//     TestSignedChunksThatAreRefusedStoreNothing, TestFormsThatAreRefusedStoreNothing); a bad chunk in its midst is
//     refused at once (TestABadChunkIsRefusedAtOnce).
//   - Failed logins cost few requests to the store, and are throttled by address and access key without locking out
//     other clients (TestFailedLoginsAreSlowedDown, TestConcurrentFailedLogins).
//   - A copy, a rename and an append are the old or the new object at any time, however a store treats conditions on
//     copies, with copies of an object onto itself, and between two of our requests
//     (TestConditionsOnTheDestinationOfACopyHold, TestL4ACopyOntoItselfIsNeverSeenWithoutItsEnvelope,
//     TestL5AWriteBetweenLookAndCopyMakesTheCopyBeginAgain, TestOfManyAppendsAtOneOffsetOneGetsThrough,
//     TestCrashesOfAppends). A rename leaves both names or the new one, never none (TestCrashesOfRenames,
//     TestL6AWriteBetweenCopyAndDeletionIsNotLost); what is written to the old name while the store deletes it is only
//     as safe as the store's conditional deletion.
//   - A 200 stays true, even with concurrent requests for the same key at any replica, and with answers of the store
//     that are late, repeated or missing (TestLinearizable, TestRaces). What takes several steps has the key's claim
//     (objects/claims.go).
//   - An update of an object's encryption changes only its envelope and its date; or it changes nothing
//     (TestUpdateObjectEncryption, TestFaultsOfTheStore, TestKilledAtARequestToTheStore, TestRaces).
//   - Copies with a directory bucket on either side call KMS each time, and use no bucket key as clients see it
//     (TestCopiesBetweenBucketsAskKMSAsTheReferenceSays); those in directory buckets are sealed under the bucket's all
//     the same, so that they are read without a call each (TestCopiesInDirectoryBucketsShareABucketKey). Renames don't
//     call KMS for a key that is in memory.
//   - Versions are the store's, and reads of them never mix two (TestVersions). Tags, retentions and lifecycle rules
//     are the store's, too: it sees what they say. Their documents pass by a grammar in both directions, so that
//     nothing of a client's reaches the store, and nothing of the store's a client, that isn't named there
//     (TestConfigurationsOfGeneralBuckets, FuzzGrammar in package s3). Its errors are translated
//     (TestTheStoresErrorsAreTranslated).
//   - Keys work as they are or are refused, and none leads to another object (TestOddKeys, TestNamesThatCannotBe).
//     Listings show each name as it is, and end (TestNamesThatTheStoreGarbles). Where a store's answers differ from
//     Amazon S3's, they are corrected or refused (TestWhatStoresAnswerOtherwise).
//   - Every condition of a policy has one value for all that a request reads, writes and deletes: objects have no
//     request of their own (TestEveryConditionSeesTheSameRequest). Explain and requests are decided by one function,
//     and no caller without a permission learns a fact about a bucket (TestExplainAndRequestsAgree and
//     TestPermissionsComeBeforeFacts in package access).
//   - A document's cost is bounded, even if it nests elements, and it is read after its permission is checked
//     (TestNestedDocumentsCostNothing, TestPermissionComesBeforeTheDocument).
//   - An operation that isn't in the table of operations is refused (TestUnservedOperationsAreRefused), as is every
//     header, parameter and element that requests what isn't implemented (TestEverythingThatSDKsSendHasARow).
//   - Ten checksum algorithms, by header, trailer, part and form, in copies, appends and attributes
//     (TestTenChecksumAlgorithms).
//   - What tools that manage buckets set, they read again, twice the same (TestInfrastructureAsCodeReadsTheSameTwice),
//     and tags by S3 Control as by S3's own operations (TestTagsByS3Control). Who may change tags is decided by the
//     tags that are changed (TestTagsDecideWhoMayTag).
//
// Store requests an operation: PutObject, GetObject, HeadObject, DeleteObject, ListObjects, ListObjectsV2 one;
// GetObject with a suffix range, If-Range or a condition on dates two; with x-amz-checksum-mode of an object over 256
// KiB whose checksum came as a trailer two, as with HeadObject; DeleteObject with a condition two. And, the look at an
// object that a copy starts from being a GetObject of its last 4 KiB (twice for an empty object on some stores, once
// more for a trailer of over 160 parts), and a claim two requests, one to take and one to release it, or none where
// there can be no other replica:
//
//	GetObject, partNumber     HEAD, GET; another GET for an unknown layout           TestPartsAreReadByNumber
//	GetObjectAttributes       HEAD; a GET for checksum or parts outside the envelope  TestAttributesTellWhatIsStored
//	CopyObject of tags        one more for the source's tags where the store doesn't copy
//	Object Lock on an upload  one more, which checks that the bucket has it
//	DELETE If-Match: *        HEAD, DELETE where the store doesn't support it             TestWhatStoresAnswerOtherwise
//	304                       one more where the store's has no headers              TestWhatStoresAnswerOtherwise
//	a directory bucket's listing by a delimiter  those of its uploads' records         TestWhatStoresAnswerOtherwise
//	DeleteObjects             one, and for each key with conditions DeleteObject's, 16 at a time
//	                          TestManyObjectsAreDeletedInOneRequest, TestConditionalDeletionsGoSixteenAtATime
//	CopyObject, same key      look, claim, copy                                      TestACopyUnderTheSameKeyMovesNoBody
//	… of at most 4 KiB stored look, PUT                                              TestACopyUnderTheSameKeyMovesNoBody
//	CopyObject, sealed again  look, GET, PUT
//	                          TestCopiesBetweenBucketsAskKMSAsTheReferenceSays
//	… or streamed through     look, GET, PUT
//	                          TestL4ACopyOntoItselfIsNeverSeenWithoutItsEnvelope
//	… or over 5 GiB           look, claim, Create, a copy for 5 GiB, Complete, HEAD
//	                          TestWhatIsTooLargeForOneCopyIsCopiedInPieces
//	UpdateObjectEncryption    claim, look, copy; or one for each part, Create,       TestUpdateOfALargeObjectMovesNoBody
//	                          Complete, HEAD; or GET and PUT, on some stores of    TestUpdateObjectEncryption
//	                          a copy that is made and removed again
//	                          TestLargeObjectsAreWrittenBackWhileTheyAreRead
//	RenameObject              two claims, look, record, copy, DELETE; 3 more with a
//	                          TestARenamedObjectOpensUnderItsNewName
//	                          client token, HEAD for an empty object
//	UploadPartCopy            look, GET, part, record                                TestPartsAreCopiedFromRanges
//	append, no part ≥ 5 MiB   look of 64 KiB, [GET,] claim, HEAD, PUT                TestWhatAnAppendCosts
//	append                    look, [GET,] Create, copy, part, claim, HEAD, Complete,  TestWhatAnAppendCosts
//	                          HEAD
package gateway
