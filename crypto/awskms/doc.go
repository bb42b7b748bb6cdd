// Package awskms calls AWS KMS, or a service that speaks its protocol, for bucket keys. It is the one place that knows
// the AWS SDK.
//
//	keyring ─▶ Client ─▶ aws-sdk-go-v2/service/kms ─▶ KMS over TLS, or keyservice over loopback
//
// # What is promised
//
//   - Errors keep the SDK's ErrorCode and ErrorMessage, so that callers can distinguish DisabledException from a broken
//     network, which has none: TestErrorsKeepTheirNames, TestABrokenNetworkHasNoName.
//   - A call ends within Options.Timeout, retries included, and sooner with its context: TestCallsEndInTime.
//   - A data key has 32 bytes and a blob, or is an error: TestAnswersMustHoldAKey.
//   - A role is assumed by STS with the same authority, once for many calls: TestARoleIsAssumed.
//   - Throttled and failed calls are tried three times at most, half a second apart at most: TestRetriesAreBounded.
//     With less than that left a call isn't tried again and fails by what KMS said: TestThrottlingIsToldInTime.
//   - Where KMS is and whom to trust is the options' word, not the environment's: TestTheEnvironmentDoesNotMoveKMS.
//   - Certificates are checked, against Options.CAFile when it is given: TestCertificatesAreChecked.
package awskms
