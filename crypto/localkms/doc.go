// Package localkms is a key service in a directory. It speaks the protocol of AWS KMS (JSON 1.1 over HTTP, signed
// with Signature Version 4), so that the SDK, the AWS CLI and awskms talk to it as they talk to KMS.
//
//	client ─▶ ServeHTTP ─▶ authenticate ─▶ action ─▶ state (in memory) ─▶ DIR/keys     sealed, replaced whole
//	                       (sigv4)                                       DIR/root.key  32 bytes, mode 0600
//
// It is for development and tests. It is no hardware module: whoever reads DIR has the keys. Whoever has a credential
// is the user arn:aws:iam::ACCOUNT:user/ACCESSKEYID, whom IAM allows everything; key policies are evaluated, and grants
// where those say nothing. Tags are kept and decide nothing. Of the policy language there is only what keypolicy.go
// lists: the rest is refused with MalformedPolicyDocumentException, never ignored. So are grants to services and
// constraints on aws:SourceArn.
//
// Only symmetric encryption keys can be used. RSA, ECC and HMAC keys can be made, described, disabled and deleted as in
// KMS, but hold no key material: they don't sign, encrypt or derive. A multi-Region key is a primary without replicas.
// A key of Origin EXTERNAL waits for its import for ever. Automatic rotations are carried out when the service is
// called first after they are due. Custom key stores don't exist. The last use of a key is written down at most once an
// hour.
//
// What a single service of one account and Region can't have comes about so:
//
//   - A key of another account is made by CreateKey with the tag sealfront:account=210987654321. It is found by its ARN
//     only and used as its policy says, at first not at all. Its administration, which KMS would leave to that account,
//     is open to every caller.
//   - A key of another Region is never found, as in KMS: "Invalid arn eu-west-1".
//   - alias/aws/s3 points to a key of AWS's from its first DescribeKey on, as in KMS. Its policy lets nobody use it.
//
// # What is promised
//
//   - Key states, error names and the ways to name a key are those of KMS: TestActions, TestAgainstTheSDK, and
//     TestSameBehaviourAsAnotherKMS, which also runs against another emulator where there is one.
//   - Keys of every kind are described as KMS describes them, also after a restart: TestKindsOfKeys,
//     TestAKeyPendingImportStaysSo, TestTheKeyThatAWSManages, TestKeysOfOtherAccounts.
//   - A key policy is enforced whole, or refused: TestKeyPolicies.
//   - A blob opens only under its key and with the very encryption context: TestBlobsAreBound, FuzzDecrypt.
//   - A rotated key seals under new material and opens what it sealed before: TestRotatedKeysOpenWhatTheySealedBefore.
//   - A key whose rotation is enabled rotates when it is due: TestKeysRotateByThemselves.
//   - A grant permits its operations to its grantee under its constraints, against no Deny, and can be handed on as far
//     as it goes: TestGrantsThatPermit.
//   - A deleted key is gone when its waiting period has ended, from the file too: TestDeletedKeysAreGone.
//   - Nothing is answered before the signature over the body is right: TestRequestsMustBeSigned.
//   - Keys are sealed in the file, which is replaced atomically: a crash leaves the old state or the new:
//     TestKeysAreSealedAtRest, TestACrashLeavesAWholeState.
//   - Several services, also in several processes, may share a directory: TestServicesShareADirectory.
//
// # Decisions
//
// All keys are in one file, rewritten for each change: changes are rare and a directory holds few keys, and a
// single rename is atomic. Every blob is sealed under a key of its own, derived with a fresh salt, so no nonce
// can repeat. The root key is a file, not a passphrase, so that a server can start by itself.
//
// Source: AWS Key Management Service API Reference.
package localkms
