// Package check tries everything that a configuration names, before a start, and reports what to do about each failure.
//
// A fault would prevent a start or make requests fail; a warning would not, or not yet. A check changes nothing, except
// that the store's probe puts objects below probe- in the state bucket and removes them.
package check
