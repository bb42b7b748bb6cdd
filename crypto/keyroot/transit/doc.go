// Package transit is a root of a key service that OpenBao or HashiCorp Vault keeps: a key of its Transit engine, which
// never leaves the cluster.
//
//	Wrap:    datakey/plaintext/KEY ─▶ data key, ciphertext;  wrapped = ciphertext ‖ AES-256-GCM(data key, key, name)
//	Unwrap:  decrypt/KEY (ciphertext) ─▶ data key ─▶ key
//
//	calls ─▶ session.token ─▶ client ─▶ HTTPS
//	             ▲ published by
//	         one goroutine: log in ─▶ renew at half to three quarters of the lease ─▶ log in …
//
// # What is promised
//
//   - What is altered, cut off, of another name or of another key is keyroot.ErrWrong, and nothing else is:
//     roottest.Run over a real server, TestWhatAnOperatorCanMendIsNoDamage.
//   - A Transit key that doesn't exist is an error. It is never made, even where the token's policy allows it:
//     TestAMissingKeyIsNeverMade. The policy needs update on two paths, datakey/plaintext/KEY and decrypt/KEY.
//   - Rotation and rewrapping of the Transit key leave wrapped keys readable: TestRotationKeepsWhatWasWrapped.
//   - There is one login at a time, however many calls wait or were refused: TestOneLoginAtATime. A refused login backs
//     off, to two minutes, and calls fail at once meanwhile and say why: TestARefusedLoginBacksOff. A token that is
//     revoked costs the calls in flight one more round trip: TestARevokedTokenIsReplacedUnderLoad.
//   - Every call ends within two timeouts: TestAHangingServerEndsInTime.
//   - Tokens, secret ids and keys appear in no error and no warning: TestSecretsStayOutOfErrors.
//   - Where the server is and whom to trust is Config's word, not the environment's: TestTheEnvironmentDoesNotMoveIt.
//
// # Decisions
//
// An own client of five calls, not openbao/api: that reads VAULT_SKIP_VERIFY, VAULT_ADDR and VAULT_TOKEN from the
// environment, retries by itself, has an own renewer for each lease, and brings thirteen modules. What it would have to
// be kept from doing is more than what is needed of it.
//
// A data key for each wrapped key, not encrypt: Transit's encrypt makes a missing key where the policy has create, a
// token of root always, and an operator's typing error would be a new root. The name is bound by our own seal, not by
// Transit's associated_data, which servers before 1.13 ignore without a word and rewrap doesn't take; a derived key has
// it as its context, too, which other keys ignore. Transit doesn't see the keys of the key service.
//
// A version that min_decryption_version excludes isn't ErrWrong: an operator has set it and can set it back.
package transit
