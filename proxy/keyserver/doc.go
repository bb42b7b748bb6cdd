// Package keyserver is the key service as a program: crypto/keyservice put together from a configuration, with its
// records in a folder or in a bucket of an S3 store, its roots, its callers, an audit log, metrics and an admin
// address.
//
//	config.KeyService ─▶ Open ─▶ Site: keyservice.Service ─┬─▶ records: folder.Folder, or Bucket over store.Objects
//	                                                       └─▶ roots: keyroot/file, …
//	                     Site.Serve ─▶ listeners, admin address (/livez /readyz /metrics /status, and a page)
//
// At the same address it answers STS's calls by which roles are assumed: their temporary credentials are sealed tokens,
// as the proxy's, under a key that is derived from one of its records, so that every replica opens them.
//
// # What is promised
//
//   - A store whose conditions on PUT don't hold is refused at the start, by name of what doesn't:
//     TestAStoreWithoutConditionsIsRefused. A root is never made here: TestAMissingRootIsNeverMade.
//   - A request that was answered has a record in the audit log, if there is one, with the key, the context and the
//     outcome, and no secret: TestTheAuditLogOfAKeyService. What can't be recorded is refused, with
//     log.audit_on_failure: refuse: TestWhatCannotBeRecordedIsRefused. The status page holds what clients send as
//     text, and runs no script: TestTheStatusPageOfAKeyService.
//   - A drain lets requests in flight end: TestAKeyServiceDrains.
//   - With its root away, as a process before a proxy, it works to the end of key.lifetime and no longer, says so,
//     opens nothing after a restart, and works again by itself when the root is back: TestARootThatGoesAndComesBack.
//     Tokens of a root that end under load cost one login each, one at a time, and no request: TestTokensEndUnderLoad.
//   - A role is assumed by whom its trust lets in: TestWhoMayNotAssumeRoles. Its sessions call any replica, and have
//     its policy and its trust as they are now: TestWorkloadsCallTheKeyServiceByRole,
//     TestSessionsHaveTheRoleAsItIsNow. A proxy is such a caller: TestAProxyHoldsNoSecretForTheKeyService.
//   - Stock clients call it with nothing but what AWS's read from their environment: TestStockClientsOfTheKeyService,
//     TestOpenTofuEncryptsItsStateWithTheKeyService.
//   - Callers and certificates are read again when their files change, and a file that can't be read changes nothing:
//     TestIdentitiesAreReadAgainWhenTheFileChanges.
package keyserver
