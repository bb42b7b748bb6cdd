// Package access decides who may do what: it checks a request's signature, finds its identity or session, throttles
// failed logins, and decides the request by the rules of package policy. A Request becomes a Grant, or is refused.
//
//	Request ─▶ locate ─▶ sigv4 ─▶ session, identity, certificate, share ─▶ policy.Case
//	    ─▶ bucket's record ─▶ policy.Decide ─▶ Grant
//
// There is one Request for all that it reads, writes and deletes, and only a Grant can check permissions: conditions
// get their values from its Request, and a Place adds its own. No permission can be checked with a made-up request.
//
// Promises, each with the test that fails when it is broken:
//   - Failed logins cost few requests to the store, and are throttled by address and access key without locking out
//     other clients (TestFailedLoginsAreCountedByAddressAndAccessKey,
//     TestFailedLoginsSlowDownTheirAddressAndAccessKey).
//   - Every condition has the same value wherever a permission is checked (TestConditionKeysHaveTheRequestsValues, and
//     TestEveryConditionSeesTheSameRequest in package gateway).
//   - Explain reports the decision that the request gets (TestExplainAndRequestsAgree).
//   - A refusal that rests on a cached record is checked against the record as it is now, or under many refusals as it
//     was less than a second ago (TestARefusalIsCheckedAgainstTheRecordAsItIsNow,
//     TestRefusalsReadARecordAFewTimesAndThenOnceASecond in package state), and no caller without a permission learns a
//     fact about a bucket (TestPermissionsComeBeforeFacts).
package access
