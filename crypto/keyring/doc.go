// Package keyring keeps bucket keys, so that most requests need no call of KMS.
//
//	Seal(ref) ──► sealing: ref ► blob, for an hour or a million uses   (no secret; 4 × Options.Entries)
//	                         │ miss: GenerateDataKey
//	                         ▼
//	Open(ref, blob) ──► opening: ref + blob ► 32 bytes, for 300 s ──► Use: WrapKey(salt), Release   (Options.Entries)
//	                         │ miss: Decrypt
//	                         ▼
//	                  one flight an entry
//
// A bucket key is made by KMS and seals the data keys of one bucket's new objects for a limited time. Its plaintext
// stays in memory for a shorter one and comes back by Decrypt of the same blob, so that revoking takes effect soon
// although few blobs are made.
//
// # Promises
//
//   - N requests for an absent key make one call; other entries don't wait; one who leaves doesn't end the call for the
//     others (TestManyRequestsForAnAbsentKeyMakeOneCall, TestAnotherEntryDoesNotWait,
//     TestOneWhoLeavesDoesNotEndTheCall).
//   - A failed call isn't remembered; who waited for it shares the failure, as KMS reported it
//     (TestAFailureIsSharedAndNotRemembered).
//   - A request never waits for a second call after one that failed, unless KMS works and only that bucket key is lost;
//     a failure that isn't KMS's own word is ErrUnavailable (TestAWriteWaitsForOneCallOnly,
//     TestAnOutageIsToldFromARefusal).
//   - Ten minutes of eight clients in one bucket take four calls at most
//     (TestTenMinutesOfEightClientsTakeAHandfulOfCalls).
//   - A key in use is fetched again before it expires, without anybody waiting (TestAKeyInUseIsRefreshedAheadOfItsEnd).
//   - A key that KMS refuses stops working within the lifetime, after Drop at once
//     (TestADisabledKeyStopsWithinTheLifetime, TestDropMakesTheNextRequestAskKMS, TestAnAnswerUnderWayAtDropIsNotKept).
//   - Answers count for the bucket, KMS key, context and principal they were given for
//     (TestS10KeysAreSharedOnlyIfEveryFieldIsEqual, TestAPreparedRefIsItsRefAndNoOther), and for the blob, whatever its
//     hash (TestBlobsOfOneHashAreKeptApart).
//   - Nobody outside sees a bucket key. It is wiped when it has left the cache and its last user is gone, never sooner;
//     a released Use says ErrGone (TestS5EvictionWaitsForTheLastUser, TestEveryPlaintextOfKMSIsWiped,
//     TestAReleasedUseIsGone).
//   - Idle plaintexts are wiped too, at most a tenth of the lifetime late (TestIdleKeysAreWiped).
//   - Buckets that are visited once don't drive out the keys of those in use, and a few buckets more than there is room
//     for take a few calls, not one a visit (TestBucketsVisitedOnceDoNotDriveOutThoseInUse,
//     TestAFewBucketsTooManyTakeAFewCalls); a new one stays for its visit, and one that is no longer used goes when its
//     time is over (TestABucketStaysForItsVisit, TestOtherBucketsInUseTakeThePlace). A sweep holds the lock for a few
//     entries at a time (TestASweepLooksAtAFewEntriesAtOnce).
//   - The bucket key that a bucket's objects are sealed under is found again after its plaintext made room
//     (TestASealingKeyIsFoundAgain).
//   - A request that must call KMS does so and fails with it, and what it seals is still under the bucket's key
//     (TestSealAfterCallCallsKMSAndSharesTheKey, TestSealAfterCallFailsAsItsCallDoes, TestSealAfterCallRenewsTheKey,
//     TestAnAnswerUnderWayAtDropServesItsRequestOnly).
//   - Close waits for all that runs in the background (TestCloseWaitsForCallsUnderWay).
//
// What is not promised: the expanded keys inside of the standard library's ciphers, and copies that the SDK's JSON
// decoder made of KMS's answer, are left to the garbage collector.
//
// # Decisions
//
// Which blob seals is each keyring's own, and begins anew with it: a restart or a further replica costs one
// GenerateDataKey for each bucket in use, and afterwards one Decrypt for each blob that is read. A blob found in an
// object, or a record shared by all replicas, would save that. But neither says how many objects the blob has sealed by
// now at all of them, so MaxUses couldn't hold, and a record would be one more write an hour and bucket, for which all
// replicas compete.
package keyring
