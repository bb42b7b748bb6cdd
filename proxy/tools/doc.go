// Package tools works on sealed objects without a client: the subcommands of the program that an operator runs while
// servers run, or when none can. A tool calls the store and the key service itself, by package objects.
//
//	s3://B/KEY ─▶ state: bucket record ─▶ objects: envelope, KMS key allowed?, bucket key, segments, trailer ─▶ report
//	Attest: store ─▶ every object, version, upload and leftover ─▶ list ─▶ package attestation: signed statement
//	Migrate: store ─▶ proxy: checks, seals ─▶ store, and both again ─▶ compare ─▶ report
//
// What a tool promises:
//   - Which KMS key may open an envelope is decided by package objects, as for a client, before KMS is called
//     (TestVerifyFindsExactlyWhatIsDamaged).
//   - No plaintext is written before its segment's tag has been checked, and none at all by any tool but Open
//     (TestOpenReleasesATruePrefix). Migrate sends the plaintext that it reads to its proxy alone.
//   - Damage of an object differs from a store or key service that didn't answer: a Damage is the object's own
//     (TestOutagesAreNoDamage).
//   - Rewrap replaces each object in one conditional step under its claim: it has the old envelope or the new one, over
//     the same bytes (TestRewrapOnEachKindOfStore).
//   - A bucket's record is made again only once a sample of its objects has opened under it, and never replaced. What
//     it says is given, or shown by all of the sample; a KMS key that the store alone names must be one that general
//     purpose buckets may use (TestAdopt, TestAdoptMany, TestAdoptManyUnderAWrongKey, TestAdoptManyInterrupted).
//   - Migrate only reads its source, replaces nothing, and makes each object in one conditional step
//     (TestMigrateReplacesNothing, TestMigrateUnderFaults; killed: TestMigrateKilledAndResumed in package main).
//   - Attest names what isn't a sealed object of the bucket at its place, and nothing else
//     (TestAttestNamesExactlyWhatIsNotSealed); its statement is made of the list as it lies on the disk, and a scan
//     that was cut off gives the same one (TestAScanThatIsCutGoesOn).
//   - Walks have as many objects in memory as workers, and two pages of names: their own, and one that is counted ahead
//     for the total.
//   - Each key belongs to exactly one of n shards, whatever release computes it (TestShardsAreDisjointAndWhole), and a
//     shard's success means that each of its keys was looked at (TestAShardFailsByItsOwnKeys).
//
// # Decisions
//
// Migrate writes through a proxy that the program starts for it, not by package objects. An object of the source is
// described by headers, as in a client's request: how S3 treats them (which are stored, in what spelling and under
// which name, how large they may be, which tags, classes and retentions are refused, and by which error), what the
// bucket's policy and its encryption rules decide about them, and which checksum is compared with the body before
// anything is visible. All of that is in package gateway, and objects gets its outcome as arguments. The comparison at
// the end needs the opposite direction, too: it promises that clients see what they saw, which is what the gateway
// answers. With objects alone, both directions would be implemented here a second time, and could agree with each other
// and not with the gateway.
package tools
