// Package localkms is a key service in a directory. It speaks the protocol of AWS KMS (JSON 1.1 over HTTP, signed
// with Signature Version 4), so that the SDK, the AWS CLI and awskms talk to it as they talk to KMS.
//
//	client ─▶ ServeHTTP ─▶ authenticate ─▶ action ─▶ state (in memory) ─▶ DIR/keys     sealed, replaced whole
//	                       (sigv4)                                       DIR/root.key  32 bytes, mode 0600
//
// It is for development and tests. It is no hardware module: whoever reads DIR has the keys. There are no key
// policies and no grants: each credential may do everything. Only symmetric encryption keys can be used;
// asymmetric and HMAC keys can be made, described, disabled and deleted, but hold no key material. Rotation,
// import, replicas and custom key stores don't exist.
//
// # What is promised
//
//   - Key states, error names and the ways to name a key are those of KMS: TestActions, TestAgainstTheSDK, and
//     TestSameBehaviourAsAnotherKMS, which also runs against another emulator where there is one.
//   - A blob opens only under its key and with the very encryption context: TestBlobsAreBound, FuzzDecrypt.
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
