// Package objects has the sealed objects of a store: it puts, reads, copies, appends to, renames, re-encrypts, deletes
// and lists them, and assembles uploads. It knows no client and no HTTP server: its callers have decided the request,
// and pass what depends on the client as arguments (may, Conditions).
//
//	put     plaintext ─▶ segments sealed in place ─▶ store              (the last segment waits until all is right)
//	read    store ─▶ envelope ─▶ may? ─▶ bucket key ─▶ Reader    (a byte is handed on only after its tag was checked)
//	copy    store ─▶ envelope wrapped again ─▶ the store copies, or the sealed bytes pass through
//	check   store, or a file ─▶ envelope ─▶ bucket key ─▶ every stored byte: segments, padding, trailer
//
// Promises, each with the test that fails when it is broken; those of the running program are tested in packages
// gateway and main:
//   - No envelope is opened under a KMS key that its bucket doesn't allow, nor before may has been called
//     (TestAForeignKeyIsNeverCalled, TestWhoMayNotUseAKeyDoesNotReachKMS).
//   - An object is the old or the new one at any time, whatever becomes of any request, however a store treats
//     conditions on copies, with copies of an object onto itself, and between two of our requests
//     (TestEachFaultOfEachRequestLeavesTheOldOrTheNewObject, TestEachFaultOfARenameLeavesTheObjectUnderOneOfItsNames,
//     TestConditionsOnACopysDestinationHoldWhateverTheWay, TestCrashesOfRenames, TestCrashesOfAppends).
//   - What takes several steps has the key's claim, and its last step a condition that only what was seen under the
//     claim meets (TestWhatAnotherClientDoesBetweenTwoRequestsIsNotLost, TestACompleteIsBoundToWhatWasThere,
//     TestEmptyObjectsAreToldApart, TestLinearizable, TestRaces).
//   - The store's answer isn't trusted where the object itself can be read: after a Complete, after a copy that
//     may have been sent twice (TestWhatAStoreSaysToComplete, TestAnswersToTheStoresUploads, TestFaultsOfTheStore).
//   - A fault of an object is a Damage, and a store or key service that doesn't answer is none
//     (TestReadWholeFindsEachDamage).
//   - Errors are S3's, made from those of store, state and key service in one place (bridge.go;
//     TestEveryErrorIsTranslated, TestEveryFaultOfTheStoreIsTranslated).
package objects
