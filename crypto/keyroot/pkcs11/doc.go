// Package pkcs11 is a root of a key service that a hardware security module keeps: an AES key of 256 bits, which is
// called through PKCS #11. It needs C, so the calls are in programs that are built with the tag pkcs11 alone.
//
//	Wrap ─▶ pool of sessions ─▶ C_Encrypt, CKM_AES_GCM: the name is the additional data
//	                       or ─▶ C_WrapKey, CKM_AES_KEY_WRAP_PAD, of a data key that seals the key under the name
//
// # What is promised
//
//   - What is altered, of another name or of another key is keyroot.ErrWrong, and nothing else is, whatever code the
//     module gives for it: roottest.Run over SoftHSM by both ways, TestWhatAnOperatorCanMendIsNoDamage.
//   - A key that doesn't exist is an error and never made: TestAMissingKeyIsNeverMade.
//   - Lost sessions and logins are opened again, once for a call: TestLostSessionsAreOpenedAgain.
//   - A wrong PIN is tried once, since a token locks itself after a few; so is the last try that it leaves, never:
//     TestAWrongPINIsTriedOnce. The PIN is in no error: the same.
//   - A call ends with its context and within Config.Timeout, even if the module hangs; what it hung in keeps one
//     session of the pool, and no more calls than sessions are in the module at once: TestAModuleThatHangs.
//
// # Decisions
//
// The state of a module is its process's: C_Initialize is called once for a module, by the first root, and C_Finalize
// by the last. A child of fork would have to initialize again; Go's programs have no such children, as os/exec replaces
// the program.
//
// A module that refuses a damaged text says CKR_ENCRYPTED_DATA_INVALID, or CKR_GENERAL_ERROR as SoftHSM does, which it
// says of a broken disk as well. After such a code a key of no use is wrapped and unwrapped: if that goes well, the
// text was wrong.
package pkcs11
