// Package access decides who may do what: it reads a request's signature, finds its identity or session, slows down
// failed logins, and takes the request through the rules of package policy. A Request becomes a Grant, or is refused.
//
//	Request ─▶ locate ─▶ sigv4 ─▶ session, identity, certificate, share ─▶ policy.Case
//	    ─▶ bucket's record ─▶ policy.Decide ─▶ Grant
//
// There is one Request for all that it reads, writes and deletes, and permissions are asked for with a Grant alone: its
// conditions get their values from the Request, and a Place adds what is its own. Nothing can be asked for with a
// request that was made up.
//
// Promises, each with the test that fails when it is broken:
//   - Failed logins cost no request to the store beyond a few, and are slowed down by address and access key without
//     shutting anybody else out (TestFailedLoginsAreCountedByAddressAndAccessKey,
//     TestFailedLoginsSlowDownTheirAddressAndAccessKey).
//   - Every condition has the same value wherever a permission is asked for (TestConditionKeysHaveTheRequestsValues, and
//     TestEveryConditionSeesTheSameRequest in package gateway).
//   - What a request is decided is what is explained about it (TestExplainAndRequestsAgree).
//   - A refusal that rests on a cached record is checked against the record as it is now
//     (TestARefusalIsCheckedAgainstTheRecordAsItIsNow), and nobody without a permission learns a fact about a bucket
//     (TestPermissionsComeBeforeFacts).
package access
