// Package check tries everything that a configuration names, before a start, and reports what to do about each failure.
// Explain makes the same of a start that failed.
//
//	configuration ─▶ files, certificates, addresses ─▶ store: connect, probe ─▶ KMS: service key ─▶ state key ─▶ faults
//	                                                          └─ an error ─▶ known? otherwise looked at ─▶ advice
//
// A fault is one line about one cause, with the setting to change. It is passing where no setting mends it: a check,
// and a start, then end with exit status 1, which a supervisor may try again after, and otherwise with 2
// (TestCheckAndStartSayWhatIsWrongWithTheServices).
//
// A fault would prevent a start or make requests fail; a warning would not, or not yet. A check changes nothing, except
// that the store's probe puts objects below probe- in the state bucket and removes them.
package check
