// Package keyservice is a key service. It speaks the protocol of AWS KMS (JSON 1.1 over HTTP, signed with Signature
// Version 4), so that the SDK, the AWS CLI and awskms talk to it as they talk to KMS.
//
//	client ─▶ ServeHTTP ─▶ authenticate ─▶ action ─▶ record cache ─┬─▶ Records   sealed, one a key and one an alias
//	                       (sigv4)                   (lifetime)    └─▶ Root      wraps each record's key
//
// It is two things by one code: what `sealfront kms` serves, as several replicas over one set of records, and the
// embedded key service of the quick start and of tests, in a folder with a root key file (Options.Dir). Whoever has the
// root and the records has the keys: the embedded one is no hardware module.
//
// A caller is the user arn:aws:iam::ACCOUNT:user/NAME, or a session of a role, whom key policies and grants name by the
// session's ARN or by the role's. Caller.May is what IAM says of him; without it, everything. Key
// policies are evaluated, what they leave to the account is May's to allow, and grants where those say nothing. A Deny
// of either wins. Tags are kept and decide nothing. Of the policy language there is only what keypolicy.go lists: the
// rest is refused with MalformedPolicyDocumentException, never ignored. So are grants to services and constraints on
// aws:SourceArn.
//
// Only symmetric encryption keys can be used. RSA, ECC and HMAC keys can be made, described, disabled and deleted as in
// KMS, but hold no key material: they don't sign, encrypt or derive. A multi-Region key is a primary without replicas.
// Automatic rotations are carried out when the key is used first after they are due, or by Sweep. Custom key stores
// don't exist. The last use of a key is written down at most once an hour.
//
// Uses of a key rest on a record that is at most Options.Freshness old, and refusals of uses on one of a second at
// most; descriptions, listings and changes read the records. The service calls a root when a record isn't warm: for
// Options.Lifetime after an unwrap a record is opened in memory, then it is wiped. A record that is in use is unwrapped
// again before that.
//
// What a single service of one account and Region can't have comes about so:
//
//   - With Options.Dir, a key of another account is made by CreateKey with the tag sealfront:account=210987654321. It
//     is found by its ARN only and used as its policy says, at first not at all. Its administration, which KMS would
//     leave to that account, is open to every caller.
//   - A key of another Region is never found, as in KMS: "Invalid arn eu-west-1".
//   - alias/aws/s3 points to a key of AWS's from its first DescribeKey on, as in KMS. Its policy lets nobody use it.
//
// # What is promised
//
//   - Key states, error names and the ways to name a key are those of KMS: TestActions, TestAgainstTheSDK, and
//     TestSameBehaviourAsAnotherKMS, which also runs against another emulator where there is one.
//   - What holds over one root holds over every other: a file, Transit of a real Vault, KMS of two makes, and with the
//     build tag pkcs11 an HSM: TestTheSuiteOverEveryRoot.
//   - Keys of every kind are described as KMS describes them, also after a restart: TestKindsOfKeys,
//     TestAKeyPendingImportStaysSo, TestTheKeyThatAWSManages, TestKeysOfOtherAccounts.
//   - A key policy is enforced whole, or refused: TestKeyPolicies.
//   - A blob opens only under its key and with the very encryption context: TestBlobsAreBound, FuzzDecrypt.
//   - ReEncrypt seals under another key or context without showing what, to whom both keys allow it: TestReEncrypt.
//   - A rotated key seals under new material and opens what it sealed before: TestRotatedKeysOpenWhatTheySealedBefore.
//   - A key whose rotation is enabled rotates when it is due: TestKeysRotateByThemselves.
//   - What is said of a role holds for its sessions: TestSessionsOfRolesAreCallers. All services have the keys that
//     tokens of sessions are sealed under, and nobody else has: TestSessionKeys.
//   - A grant permits its operations to its grantee under its constraints, against no Deny, and can be handed on as far
//     as it goes: TestGrantsThatPermit.
//   - Material is imported by any replica with what another has given, and ends when it should:
//     TestKeyMaterialIsImported. A key rotates to material that was imported for it, and isn't used while any that it
//     has had is missing: TestImportedKeysRotateToNewMaterial.
//   - A deleted key is gone when its waiting period has ended, from the file too: TestDeletedKeysAreGone.
//   - Nothing is answered before the signature over the body is right: TestRequestsMustBeSigned.
//   - Records are sealed, and bound to their names and the order of their states: TestKeysAreSealedAtRest. A state
//     older than one that this service has seen is refused, and so is a record that has vanished:
//     TestRollbackIsNoticed.
//   - Several services may work on the same records; no change of one is lost by another's, and one of two that make
//     the same alias succeeds: TestNothingIsLostBetweenReplicas, TestServicesShareADirectory. A change holds at all of
//     them after Options.Freshness at most: TestAChangeHoldsAtAllReplicasWithinItsTime.
//   - A change whose answer was lost is known: TestLostAnswers.
//   - With the root away, what is warm works until its life ends, everything else fails with an error that SDKs try
//     again, and after a restart nothing opens: TestARootThatIsAway, TestARootThatHangsIsATimeout. A root that has
//     failed is left alone for a second, and one in use is called by one request at a time: TestARootIsCalledSeldom.
//   - Each record names the root that it needs, and needs no other: TestSeveralRoots.
//   - A folder of a release that had all keys in one file opens, and is moved so that a crash loses nothing:
//     TestKeysOfAnEarlierReleaseAreMoved, TestADamagedFileOfAnEarlierReleaseIsRefused.
//
// # What is not protected
//
// Whoever may write the records' store can remove records or bring back old states, and a service that has started
// afterwards doesn't know: a key that was disabled may be enabled again so, and a key that was deleted may come back,
// while the root lasts that it was wrapped by. He can't make a state that there never was, nor move one to another
// name. A backup of the records is compared with them by `sealfront kms verify --backup`. The times at which records
// change, their number and their sizes are visible; names of aliases aren't.
//
// # Decisions
//
// A record for each key and for each alias, changed by compare and swap, and no transactions over several: CreateAlias
// reads the key and writes the alias. What is deleted stays as a record without its content, since not every store has
// conditional deletes, and since a record that may vanish could vanish by mistake. A record's key stays the same for
// the record's life, so that a change costs no call of the root, and other replicas need none to see it; each state is
// sealed under a key derived with a fresh salt, so no nonce can repeat, nor do the bytes of two states ever. Every blob
// is sealed under such a key as well. The root key file is no passphrase, so that a server can start by itself.
//
// Source: AWS Key Management Service API Reference.
package keyservice
