// Package state stores the proxy's records in a bucket of the store. They are all the durable state there is:
// any replica may serve any request, because none holds anything that is not here or derived from here.
//
//	state-key                 the state key, wrapped by the service key with KMS context {sealfront: state}
//	layout                    which releases have written what is here
//	buckets/NAME              kind, ARN, default encryption, bound key, incarnation … of a bucket
//	bucketlist/NAME!FACTS     what ListBuckets says of that bucket, and of which state of its record it is
//	sessions/ID               a session key; random id, a day's use, found by id
//	revocations               KMS keys whose cached bucket keys every replica must drop, and since when
//	uploads/BUCKET/HASH/upload               a multipart upload; HASH is SHA-256 of its id
//	uploads/BUCKET/HASH/parts/NNNNN-RECORD   an accepted part: an empty object whose name is the sealed record
//	uploads/BUCKET/HASH/stash/NNNNN-SALT     the sealed bytes of a part that the store can't take as a part,
//	                                         or without an upload those of an object on its way back to its own key
//	open/BUCKET/KEY/TIME-FACTS               an open upload, in the order of keys: what ListMultipartUploads says of it
//	claims/BUCKET/HASH        who changes a key in several steps, and how far a rename is; HASH is SHA-256 of the key
//	renames/BUCKET/HASH       a token of RenameObject
//	leases/sweep, swept       which replica removes leftovers, and when that was done last
//	replicas/ID               what a replica says of itself every 30 s, for operators: host, version, start, health, the
//	                          last revocations it has acted on
//
// Names below parts/, bucketlist/ and open/ are empty objects: what they say is sealed in the name, so that a listing
// is an answer and costs nothing for each entry. The store learns what it knows from its own listings, and can take a
// name away, bring an old one back, and forge none. Who changes a record changes its name afterwards; a bucket's name
// says of which state of the record it is, so one that was left behind is noticed.
//
//	record ─▶ sealed under Expand(state key, "record" ‖ salt), its name as additional data ─▶ object
//
// Promises:
//
//   - A record that does not open is refused with ErrRecord and counted, never defaulted (TestAlteredRecordIsRefused);
//     a record moved to another name does not open (TestMovedRecordIsRefused).
//
//   - Bucket records change by compare and swap; two creators make one bucket (TestOneOfTwoCreatorsWins).
//
//   - A cached bucket record is used for Options.CacheLife. A deleted bucket leaves a tombstone for twice
//     that time, so that no replica acts on the record of an earlier bucket of the same name (TestL8Tombstone).
//
//   - Refusals of requests read a bucket's record anew, a few times at once and then once a second, so that they rest
//     on one that is less than a second old; buckets that don't exist likewise, and a bucket made at this replica is
//     known to it at once (TestRefusalsReadARecordAFewTimesAndThenOnceASecond, TestARecentRecordIsNoOlderThanASecond,
//     TestAReadThatBeganLongAgoIsNotShared, TestBucketsThatDoNotExistAreReadAFewTimesAndThenOnceASecond).
//
//   - What is made of a bucket's policy is made once, while its record is cached
//     (TestWhatIsMadeOfAPolicyIsKeptWithItsRecord). Cached records are bounded by number and memory
//     (TestLargePoliciesDoNotFillTheMemory).
//
//   - One operation at a time holds a key's claim, and renews it while it works; one whose record has not changed for
//     12 s, by the clock of who waits, is taken over, with what it had begun (TestOneReplicaAtATimeHoldsAClaim,
//     TestAClaimWhoseHolderHasGoneIsTakenOverWithItsMove, TestLostAnswersLeaveNoClaimBehind). A holder that can't renew
//     it stops after 8 s. Where no other replica can be, claims are in memory.
//
//   - A listing of buckets or of open uploads is true, even while replicas run of a release that knows no names, and
//     costs listings alone (TestListBucketsReadsNoRecord, TestNamesOfOtherStatesAreNotBelieved,
//     TestListingsAreTrueBesideAnEarlierRelease, TestWhatListingOpenUploadsCosts). But an upload that couldn't be begun
//     is listed when the store writes its name after it was removed; an Abort finds it
//     (TestAStrayUploadIsListedUntilItIsAborted).
//
//   - What an upload that has ended leaves is removed behind the answer, and by the janitor what is left of that
//     (TestEndedUploadsKeepTheirRecordForADay, TestL11TheJanitorIsSlowToBelieve). One replica sweeps at a time
//     (TestOneReplicaSweeps).
//
//   - A revoked KMS key is dropped by every replica with the next bucket record it reads
//     (TestRevocationReachesOtherReplicas).
//
//   - Replicas of one state bucket see each other, one that left is gone at once, and one that ended without a word is
//     silent after 90 s and gone after ten minutes, whatever the machines' clocks say (TestReplicasSeeEachOther,
//     TestAReplicaThatVanishes). Nothing that a request gets depends on it.
//
// What is not protected: the store can delete records or bring back older versions of them.
package state

import (
	"context"
	"errors"
	"time"
)

// Objects is the bucket that holds the records. Absence and failed conditions are errors that match
// fs.ErrNotExist and fs.ErrExist.
type Objects interface {
	Get(ctx context.Context, name string) (body []byte, etag string, err error)
	// Put: ifMatch "" means that the object must not exist, "*" that anything goes; otherwise it is the ETag to
	// replace.
	Put(ctx context.Context, name string, body []byte, ifMatch string) (etag string, err error)
	Delete(ctx context.Context, name string) error
	// DeleteIf removes the object if its ETag is etag. It is called where Options.ConditionalDelete is set.
	DeleteIf(ctx context.Context, name, etag string) error
	// DeleteAll removes objects, a request a thousand; absent ones are no error.
	DeleteAll(ctx context.Context, names []string) error
	// List calls f for up to a thousand objects behind the name start, in order, and reports whether more follow.
	List(ctx context.Context, prefix, start string,
		f func(name, etag string, size int64, modified time.Time)) (more bool, err error)
}

// KMS wraps the state key.
type KMS interface {
	GenerateDataKey(ctx context.Context, keyID string, encryptionContext map[string]string) (plaintext, blob []byte,
		err error)
	Decrypt(ctx context.Context, keyID string, blob []byte, encryptionContext map[string]string) ([]byte, error)
}

// The outcomes callers decide by.
var (
	ErrRecord = errors.New(
		"a state record does not open: it was altered, moved, or sealed under another state key")
	ErrNoBucket     = errors.New("no such bucket")
	ErrBucketExists = errors.New("the bucket exists")
	ErrAborted      = errors.New("a conflicting operation on the bucket is in progress")
)
