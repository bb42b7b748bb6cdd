// Package awskms is a root of a key service that AWS KMS keeps, or another service that speaks its protocol.
//
//	Wrap ─▶ kms:Encrypt (key, {sealfront: root, name: NAME}) ─▶ blob       Unwrap ─▶ kms:Decrypt
//
// # What is promised
//
//   - What is altered, of another name or of another KMS key is keyroot.ErrWrong, and nothing else is: roottest.Run,
//     TestWhatAnOperatorCanMendIsNoDamage.
//   - The root is one KMS key, named by its ARN: an alias could come to mean another. TestFaultsAreReportedAtOnce.
//   - The calls are those of crypto/awskms, with its promises: time, retries, certificates, none of the
//     environment's.
package awskms
